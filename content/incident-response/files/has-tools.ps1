# Tells whether the tools of Incident Response are in place.
$home_folder = if ($env:CORDONDIR) { $env:CORDONDIR } else { Join-Path $env:ProgramData 'Cordon' }
if ($env:CORDON_ROOT) { $home_folder = Join-Path $env:CORDON_ROOT $home_folder }
if (Test-Path -PathType Leaf (Join-Path $home_folder 'tools/ir/version')) { 'Yes' } else { 'No' }
