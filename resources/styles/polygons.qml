<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields">
  <aliases>
$aliases
  </aliases>
  <renderer-v2 type="categorizedSymbol" attr="$field" symbollevels="0" enableorderby="0" forceraster="0">
    <categories>
$categories
    </categories>
    <symbols>
$symbols
    </symbols>
  </renderer-v2>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
</qgis>
