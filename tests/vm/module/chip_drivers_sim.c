// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers by the names of the real ones that a machine's configuration binds chips to, which this kernel does not have. They
 * want their chip to answer, and let its attribute be written:
 *
 *   leds-pca955x  for pca9551, pca9552; does nothing
 *   pca954x       for pca9546, pca9548; hold_idle, a number that is kept. If there are chips behind it (i2c_eeprom_sim.c), each
 *                 channel in use becomes an adapter, by the kernel's own i2c-mux: it joins one channel to the wire for a
 *                 transfer, and none afterwards
 */

#include <linux/device.h>
#include <linux/i2c-mux.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/property.h>

#define CHANNELS 8

struct mux {
	struct i2c_client *client;
	int hold_idle;
};

static int probe_expander(struct i2c_client *client)
{
	return i2c_smbus_read_byte(client) < 0 ? -ENODEV : 0;
}

static const struct i2c_device_id expander_ids[] = {
	{ "pca9551" },
	{ "pca9552" },
	{ }
};
MODULE_DEVICE_TABLE(i2c, expander_ids);

static struct i2c_driver expander_driver = {
	.driver = {
		.name = "leds-pca955x",
	},
	.probe_new = probe_expander,
	.id_table = expander_ids,
};

static ssize_t hold_idle_show(struct device *device, struct device_attribute *attribute, char *text)
{
	const struct mux *mux = i2c_mux_priv(dev_get_drvdata(device));

	return sysfs_emit(text, "%d\n", READ_ONCE(mux->hold_idle));
}

static ssize_t hold_idle_store(struct device *device, struct device_attribute *attribute, const char *text,
			       size_t count)
{
	struct mux *mux = i2c_mux_priv(dev_get_drvdata(device));
	int value, result = kstrtoint(text, 0, &value);

	if (result)
		return result;
	WRITE_ONCE(mux->hold_idle, value);
	return count;
}
static DEVICE_ATTR_RW(hold_idle);

static struct attribute *mux_attrs[] = {
	&dev_attr_hold_idle.attr,
	NULL
};
ATTRIBUTE_GROUPS(mux);

/* The core holds the wire, so what goes to the register must not ask for it. */
static int write_register(struct i2c_mux_core *core, u8 value)
{
	const struct mux *mux = i2c_mux_priv(core);
	struct i2c_msg message = { .addr = mux->client->addr, .len = 1, .buf = &value };
	int result = __i2c_transfer(core->parent, &message, 1);

	return result < 0 ? result : 0;
}

static int join_channel(struct i2c_mux_core *core, u32 channel)
{
	return write_register(core, BIT(channel));
}

static int join_none(struct i2c_mux_core *core, u32 channel)
{
	return write_register(core, 0);
}

/* The adapters of the channels that something is behind. */
static int add_channels(struct i2c_mux_core *core, struct device *device)
{
	u32 numbers[CHANNELS] = {}, i;
	int result = 0;

	/* Without the property nothing is. */
	device_property_read_u32_array(device, "channels", numbers, CHANNELS);
	for (i = 0; i < CHANNELS && !result; i++)
		if (numbers[i])
			result = i2c_mux_add_adapter(core, numbers[i], i, 0);
	if (result)
		i2c_mux_del_adapters(core);
	return result;
}

static int probe_mux(struct i2c_client *client)
{
	struct i2c_mux_core *core;
	struct mux *mux;

	if (i2c_smbus_read_byte(client) < 0)
		return -ENODEV;
	core = i2c_mux_alloc(client->adapter, &client->dev, CHANNELS, sizeof(*mux), 0, join_channel, join_none);
	if (!core)
		return -ENOMEM;
	mux = i2c_mux_priv(core);
	mux->client = client;
	/* Not what anybody writes, so that a test sees who has. */
	mux->hold_idle = -1;
	i2c_set_clientdata(client, core);
	return add_channels(core, &client->dev);
}

static void remove_mux(struct i2c_client *client)
{
	i2c_mux_del_adapters(i2c_get_clientdata(client));
}

static const struct i2c_device_id mux_ids[] = {
	{ "pca9546" },
	{ "pca9548" },
	{ }
};
MODULE_DEVICE_TABLE(i2c, mux_ids);

static struct i2c_driver mux_driver = {
	.driver = {
		.name = "pca954x",
		.dev_groups = mux_groups,
	},
	.probe_new = probe_mux,
	.remove = remove_mux,
	.id_table = mux_ids,
};

static int __init sim_init(void)
{
	int result = i2c_add_driver(&expander_driver);

	if (result)
		return result;
	result = i2c_add_driver(&mux_driver);
	if (result)
		i2c_del_driver(&expander_driver);
	return result;
}

static void __exit sim_exit(void)
{
	i2c_del_driver(&mux_driver);
	i2c_del_driver(&expander_driver);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Drivers by the names of real ones");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
