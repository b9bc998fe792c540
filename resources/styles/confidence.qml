<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="AllStyleCategories" hasScaleBasedVisibilityFlag="0">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor="" classificationMin="0" classificationMax="254">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="254" labelPrecision="2">
          <colorramp type="gradient" name="[source]">
            <Option type="Map">
              <Option type="QString" name="color1" value="118,42,131,255"/>
              <Option type="QString" name="color2" value="118,42,131,0"/>
              <Option type="QString" name="discrete" value="0"/>
              <Option type="QString" name="rampType" value="gradient"/>
              <Option type="QString" name="stops" value="0.25;118,42,131,191:0.5;118,42,131,127:0.75;118,42,131,64"/>
            </Option>
          </colorramp>
          <item value="0" color="#762a83" alpha="255" label="$low"/>
          <item value="63.5" color="#762a83" alpha="191" label="0.25"/>
          <item value="127" color="#762a83" alpha="127" label="0.5"/>
          <item value="190.5" color="#762a83" alpha="64" label="0.75"/>
          <item value="254" color="#762a83" alpha="0" label="$high"/>
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
