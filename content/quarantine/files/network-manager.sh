# Tells whether a process of the name NetworkManager runs. The kernel cuts names to 15 characters; this one has 14.
for name in "${CORDON_ROOT:-}"/proc/[0-9]*/comm; do
    if read -r comm 2>/dev/null <"$name" && [ "$comm" = NetworkManager ]; then
        echo Running
        exit 0
    fi
done
echo "Not Running"
