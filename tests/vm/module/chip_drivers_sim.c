// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that do nothing, by the names of the real ones that a machine's configuration binds chips to: LED expanders and
 * bus multiplexers. They want their chip to answer, and let its attribute be written:
 *
 *   leds-pca955x  for pca9551, pca9552
 *   pca954x       for pca9546, pca9548; hold_idle, a number that is kept
 */

#include <linux/device.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/slab.h>

struct mux {
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
	const struct mux *mux = dev_get_drvdata(device);

	return sysfs_emit(text, "%d\n", READ_ONCE(mux->hold_idle));
}

static ssize_t hold_idle_store(struct device *device, struct device_attribute *attribute, const char *text,
			       size_t count)
{
	struct mux *mux = dev_get_drvdata(device);
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

static int probe_mux(struct i2c_client *client)
{
	struct mux *mux;

	if (i2c_smbus_read_byte(client) < 0)
		return -ENODEV;
	mux = devm_kzalloc(&client->dev, sizeof(*mux), GFP_KERNEL);
	if (!mux)
		return -ENOMEM;
	/* Not what anybody writes, so that a test sees who has. */
	mux->hold_idle = -1;
	i2c_set_clientdata(client, mux);
	return 0;
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
MODULE_DESCRIPTION("Drivers that do nothing, by the names of real ones");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
