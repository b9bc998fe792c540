<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|MapTips">
  <aliases>
$aliases
  </aliases>
  <renderer-v2 type="graduatedSymbol" attr="$field" graduatedMethod="GraduatedColor" symbollevels="0" enableorderby="1" forceraster="0">
    <ranges>
$ranges
    </ranges>
    <symbols>
$symbols
    </symbols>
    <orderby>
      <orderByClause asc="0" nullsFirst="0">"rank"</orderByClause>
    </orderby>
  </renderer-v2>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
  <previewExpression>"rank" || ': ' || coalesce("id", '')</previewExpression>
  <mapTip>$tip</mapTip>
</qgis>
