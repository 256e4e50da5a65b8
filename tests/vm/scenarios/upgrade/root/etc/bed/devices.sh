# What upstream left on the machine: its choice of system, and what its inventory kept of a part that is read and of one
# that is not there to be read now.
mkdir -p /var/lib/vpd
ln -s /usr/share/vpd/demo.json /var/lib/vpd/vpd_inventory.json
kept=/var/lib/phosphor-inventory-manager/xyz/openbmc_project/inventory
for object in fan_card dimm0 elsewhere; do
    mkdir -p $kept/system/chassis/motherboard/$object
    echo '{"value0": {"cereal_class_version": 2, "PrettyName": "of before", "Present": true}}' \
        > $kept/system/chassis/motherboard/$object/xyz.openbmc_project.Inventory.Item
    echo '{"value0": {"cereal_class_version": 2, "SerialNumber": "UPSTREAM0001"}}' \
        > $kept/system/chassis/motherboard/$object/xyz.openbmc_project.Inventory.Decorator.Asset
done
