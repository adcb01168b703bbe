# Tells whether the tools of Incident Response are in place.
if [ -f "${CORDON_ROOT:-}${CORDONDIR:-/var/lib/cordon}/tools/ir/version" ]; then
    echo Yes
else
    echo No
fi
