<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="AllStyleCategories" hasScaleBasedVisibilityFlag="0">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="0.9" alphaBand="-1" nodataColor="" classificationMin="0" classificationMax="152.4">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="152.4" labelPrecision="2">
          <colorramp type="gradient" name="[source]">
            <Option type="Map">
              <Option type="QString" name="color1" value="255,243,196,0"/>
              <Option type="QString" name="color2" value="103,0,13,255"/>
              <Option type="QString" name="discrete" value="0"/>
              <Option type="QString" name="rampType" value="gradient"/>
              <Option type="QString" name="stops" value="0.033333;255,243,196,0:0.166667;253,208,120,150:0.333333;245,154,58,225:0.666667;204,60,10,255"/>
            </Option>
          </colorramp>
          <item value="0" color="#fff3c4" alpha="0" label="$low"/>
          <item value="5.08" color="#fff3c4" alpha="0" label="0.02"/>
          <item value="25.4" color="#fdd078" alpha="150" label="0.1"/>
          <item value="50.8" color="#f59a3a" alpha="225" label="0.2"/>
          <item value="101.6" color="#cc3c0a" alpha="255" label="0.4"/>
          <item value="152.4" color="#67000d" alpha="255" label="$high"/>
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
