<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="AllStyleCategories" hasScaleBasedVisibilityFlag="0">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="singlebandpseudocolor" band="$band" opacity="0.75" alphaBand="-1" nodataColor="" classificationMin="0" classificationMax="254">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="254" labelPrecision="2">
          <colorramp type="gradient" name="[source]">
            <Option type="Map">
              <Option type="QString" name="color1" value="33,102,172,70"/>
              <Option type="QString" name="color2" value="230,97,1,255"/>
              <Option type="QString" name="discrete" value="0"/>
              <Option type="QString" name="rampType" value="gradient"/>
              <Option type="QString" name="stops" value="0.25;146,181,214,116:0.5;247,247,247,162:0.75;240,172,124,209"/>
            </Option>
          </colorramp>
          <item value="0" color="#2166ac" alpha="70" label="$low"/>
          <item value="63.5" color="#92b5d6" alpha="116" label="0.25"/>
          <item value="127" color="#f7f7f7" alpha="162" label="0.5"/>
          <item value="190.5" color="#f0ac7c" alpha="209" label="0.75"/>
          <item value="254" color="#e66101" alpha="255" label="$high"/>
          <rampLegendSettings useContinuousLegend="1" orientation="2" direction="0" minimumLabel="$low" maximumLabel="$high" prefix="" suffix="">
            <numericFormat id="basic">
              <Option type="Map">
                <Option type="int" name="decimals" value="2"/>
              </Option>
            </numericFormat>
          </rampLegendSettings>
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
