// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated I2C buses with serial EEPROMs, for tests in a virtual machine.
 *
 * The parameters make buses with the same row of chips each, at 0x50 upwards, as "size" lists them; any chip on any bus
 * comes by the file "add". A transfer takes as long as it would on the wire, and a write is followed by the chip's write
 * cycle. Tests decide in debugfs what becomes of it:
 *
 *   i2c_eeprom_sim/add             "BUS ADDRESS SIZE PAGE" (10 50 4096 0) makes a chip, and its bus if there is none; a page
 *                                  of 0 is what parts of the size usually have. "BUS ADDRESS SIZE PAGE MUX CHANNEL"
 *                                  (30 50 4096 0 4-0070 2) makes one on bus 30, which is behind a channel of a multiplexer
 *   i2c_eeprom_sim/BUS/khz         wire speed; 0 makes transfers take no time
 *   i2c_eeprom_sim/BUS/busy_us     time that transfers have held the wire
 *   i2c_eeprom_sim/BUS-ADDR/       the chip, see chip_sim.c
 *
 * A chip of 256 bytes does for one with registers, too. It is a multiplexer once a chip is behind it: it has one register
 * then, with a bit for each channel that is joined to the wire, and chips behind the others are out of reach. The adapters
 * of its channels come and go with its client, whose driver is in chip_drivers_sim.c.
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/i2c.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chip_sim.h"

#define FIRST_ADDRESS	0x50
#define CHIPS_IN_ROW	8
#define BUSES_IN_ROW	64
#define CHANNELS	8

/* Lower and higher ones are reserved. */
#define LOWEST_ADDRESS	0x08
#define HIGHEST_ADDRESS	0x77

/* START or STOP, and the eight bits of a byte with its acknowledgement. */
#define BITS_CONDITION	1
#define BITS_BYTE	9

struct sim_chip {
	struct chip_sim common;
	struct list_head list;
	struct sim_bus *bus;
	/* The number of its adapter, which is the bus's own or that of a channel. */
	int number;
	u16 address;
	/* The multiplexer that it is behind, if any. */
	struct sim_chip *mux;
	u32 channel;
	/* Guarded by the bus's lock. */
	u32 offset;
	/* Of a multiplexer: the numbers of its channels' adapters, 0 for none, and its register. */
	bool is_mux;
	u32 channels[CHANNELS];
	u8 joined;
	struct property_entry properties[3];
	struct software_node node;
};

struct sim_bus {
	struct i2c_adapter adapter;
	struct list_head list;
	/* Guards the chips, and the list of them. */
	struct mutex lock;
	struct list_head chips;
	u32 khz;
	u64 busy_us;
};

static unsigned int buses = 1;
module_param(buses, uint, 0444);
MODULE_PARM_DESC(buses, "number of buses with the row of chips");

static unsigned int first_bus = 10;
module_param(first_bus, uint, 0444);
MODULE_PARM_DESC(first_bus, "number of the first bus; the others follow");

static unsigned int size[CHIPS_IN_ROW] = { 32768 };
static int sizes;
module_param_array(size, uint, &sizes, 0444);
MODULE_PARM_DESC(size, "bytes of the chips at 0x50, 0x51, ...: 256, 4096 to 65536, or 0 for none");

static unsigned int khz = 400;
module_param(khz, uint, 0444);
MODULE_PARM_DESC(khz, "wire speed at the start");

static unsigned int twr_us = 5000;
module_param(twr_us, uint, 0444);
MODULE_PARM_DESC(twr_us, "write cycle at the start, in microseconds");

static unsigned int page;
module_param(page, uint, 0444);
MODULE_PARM_DESC(page, "page size in bytes; 0 for what parts of the size usually have");

/* Of the list of buses, to which only the module's start and the file "add" add. */
static DEFINE_MUTEX(add_lock);
static LIST_HEAD(all_buses);
static struct dentry *debug_root;

static u32 offset_bytes(const struct sim_chip *chip)
{
	return chip->common.size > 256 ? 2 : 1;
}

static struct sim_chip *chip_of(struct sim_bus *bus, int number, u16 address)
{
	struct sim_chip *chip;

	list_for_each_entry(chip, &bus->chips, list)
		if (chip->number == number && chip->address == address)
			return chip;
	return NULL;
}

/* Whether multiplexers join it to the wire. */
static bool is_joined(const struct sim_chip *chip)
{
	for (; chip->mux; chip = chip->mux)
		if (!chip_sim_is_alive(&chip->mux->common) || !(chip->mux->joined & BIT(chip->channel)))
			return false;
	return true;
}

/* The chip that hears this address now. */
static struct sim_chip *chip_at(struct sim_bus *bus, u16 address)
{
	struct sim_chip *chip;

	list_for_each_entry(chip, &bus->chips, list)
		if (chip->address == address && is_joined(chip))
			return chip;
	return NULL;
}

static int read_message(struct sim_chip *chip, struct i2c_msg *msg, u64 *bits)
{
	u16 i;

	for (i = 0; i < msg->len; i++) {
		*bits += BITS_BYTE;
		if (!chip_sim_move_byte(&chip->common))
			return -ENXIO;
		msg->buf[i] = chip->is_mux ? chip->joined : chip->common.cells[chip->offset];
		chip->offset = (chip->offset + 1) % chip->common.size;
	}
	return 0;
}

static int write_register(struct sim_chip *chip, const struct i2c_msg *msg, u64 *bits)
{
	u16 i;

	for (i = 0; i < msg->len; i++) {
		*bits += BITS_BYTE;
		if (!chip_sim_move_byte(&chip->common))
			return -ENXIO;
		chip->joined = msg->buf[i];
	}
	return 0;
}

/* The first bytes set the address counter; the rest fall into one page and wrap around within it. */
static int write_message(struct sim_chip *chip, const struct i2c_msg *msg, u64 *bits)
{
	u32 offset = 0;
	u16 i;

	for (i = 0; i < msg->len && i < offset_bytes(chip); i++) {
		*bits += BITS_BYTE;
		offset = (offset << 8) | msg->buf[i];
	}
	if (i == offset_bytes(chip))
		chip->offset = offset % chip->common.size;
	for (; i < msg->len; i++) {
		*bits += BITS_BYTE;
		if (chip->common.protection == PROTECTION_REFUSE || !chip_sim_move_byte(&chip->common)) {
			chip_sim_forget_write(&chip->common);
			return -ENXIO;
		}
		chip->offset = chip_sim_load(&chip->common, chip->offset, msg->buf[i]);
	}
	return 0;
}

static int one_message(struct sim_bus *bus, struct i2c_msg *msg, u64 *bits)
{
	struct sim_chip *chip = chip_at(bus, msg->addr);

	*bits += BITS_CONDITION + BITS_BYTE;
	if (!chip || chip_sim_is_busy(&chip->common) || !chip_sim_is_alive(&chip->common))
		return -ENXIO;
	chip->common.transfers++;
	if (msg->flags & I2C_M_RD)
		return read_message(chip, msg, bits);
	if (chip->is_mux)
		return write_register(chip, msg, bits);
	return write_message(chip, msg, bits);
}

static int sim_transfer(struct i2c_adapter *adapter, struct i2c_msg *msgs, int num)
{
	struct sim_bus *bus = i2c_get_adapdata(adapter);
	u64 bits = BITS_CONDITION, wire_us = 0;
	struct sim_chip *chip;
	u32 speed;
	int i, result = 0;

	mutex_lock(&bus->lock);
	for (i = 0; i < num && !result; i++)
		result = one_message(bus, &msgs[i], &bits);
	speed = READ_ONCE(bus->khz);
	if (speed)
		wire_us = div_u64(bits * 1000 + speed - 1, speed);
	bus->busy_us += wire_us;
	mutex_unlock(&bus->lock);

	/* The caller holds the adapter, so nobody else gets onto this wire meanwhile. */
	if (wire_us)
		usleep_range(wire_us, wire_us + wire_us / 16 + 1);

	/* Write cycles begin at STOP. */
	mutex_lock(&bus->lock);
	list_for_each_entry(chip, &bus->chips, list)
		chip_sim_finish_write(&chip->common);
	mutex_unlock(&bus->lock);
	return result ? result : num;
}

static u32 sim_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm sim_algorithm = {
	.master_xfer = sim_transfer,
	.functionality = sim_functionality,
};

/* The client, if it is one that we made; a reference. */
static struct i2c_client *client_of(const struct sim_chip *chip)
{
	struct device *device = bus_find_device_by_name(&i2c_bus_type, NULL, chip->common.key);

	if (!device)
		return NULL;
	if (dev_fwnode(device) == software_node_fwnode(&chip->node) && i2c_verify_client(device))
		return to_i2c_client(device);
	put_device(device);
	return NULL;
}

/*
 * Makes or removes the chip's client, which also goes with its adapter, so that it is looked for each time. The properties
 * give the driver the page size, which new_device cannot, and that of a multiplexer what is behind it.
 */
static int replug(struct chip_sim *common, const char *type)
{
	struct sim_chip *chip = container_of(common, struct sim_chip, common);
	struct i2c_board_info info = { .addr = chip->address, .swnode = &chip->node };
	struct i2c_client *client = client_of(chip);
	struct i2c_adapter *adapter;

	if (client)
		put_device(&client->dev);
	if (!strcmp(type, "-")) {
		if (!client)
			return -ENODEV;
		i2c_unregister_device(client);
		return 0;
	}
	if (client)
		return -EBUSY;
	adapter = i2c_get_adapter(chip->number);
	if (!adapter)
		return -ENODEV;
	strscpy(info.type, type, sizeof(info.type));
	client = i2c_new_client_device(adapter, &info);
	i2c_put_adapter(adapter);
	return PTR_ERR_OR_ZERO(client);
}

static bool is_size(unsigned int bytes)
{
	return bytes == 256 || (bytes >= 4096 && bytes <= 65536 && is_power_of_2(bytes));
}

/* What is to be made. */
struct order {
	unsigned int number;
	unsigned int address;
	unsigned int bytes;
	unsigned int page;
	struct sim_chip *mux;
	unsigned int channel;
};

static void describe(struct sim_chip *chip)
{
	chip->properties[0] = PROPERTY_ENTRY_U32("pagesize", chip->common.page);
	if (chip->is_mux)
		chip->properties[1] = PROPERTY_ENTRY_U32_ARRAY_LEN("channels", chip->channels, CHANNELS);
	chip->node.properties = chip->properties;
}

/* Makes a chip a multiplexer, or one of more channels. */
static int join(const struct order *order)
{
	struct sim_chip *mux = order->mux;
	struct i2c_client *client;

	if (order->channel >= CHANNELS || mux->common.size != 256)
		return -EINVAL;
	if (mux->channels[order->channel] == order->number)
		return 0;
	client = client_of(mux);
	if (client)
		put_device(&client->dev);
	if (client || mux->channels[order->channel])
		return -EBUSY;
	mutex_lock(&mux->bus->lock);
	mux->is_mux = true;
	mutex_unlock(&mux->bus->lock);
	mux->channels[order->channel] = order->number;
	describe(mux);
	return 0;
}

static int add_chip(struct sim_bus *bus, const struct order *order)
{
	struct sim_chip *chip;
	char key[16];
	int result;

	if (order->address < LOWEST_ADDRESS || order->address > HIGHEST_ADDRESS || !is_size(order->bytes) ||
	    order->page > order->bytes || (order->page && !is_power_of_2(order->page)))
		return -EINVAL;
	if (chip_of(bus, order->number, order->address))
		return -EEXIST;
	result = order->mux ? join(order) : 0;
	if (result)
		return result;
	chip = kzalloc(sizeof(*chip), GFP_KERNEL);
	if (!chip)
		return -ENOMEM;
	chip->bus = bus;
	chip->number = order->number;
	chip->address = order->address;
	chip->mux = order->mux;
	chip->channel = order->channel;
	chip->common.plug = replug;
	scnprintf(key, sizeof(key), "%d-%04x", chip->number, chip->address);
	result = chip_sim_init(&chip->common, key, &bus->lock, order->bytes, order->page, twr_us);
	if (result) {
		kfree(chip);
		return result;
	}
	describe(chip);
	mutex_lock(&bus->lock);
	list_add_tail(&chip->list, &bus->chips);
	mutex_unlock(&bus->lock);
	chip_sim_show(&chip->common, debugfs_create_dir(key, debug_root));
	return 0;
}

static struct sim_bus *add_bus(unsigned int number)
{
	struct dentry *folder;
	struct sim_bus *bus;
	char name[16];
	int result;

	bus = kzalloc(sizeof(*bus), GFP_KERNEL);
	if (!bus)
		return ERR_PTR(-ENOMEM);
	mutex_init(&bus->lock);
	INIT_LIST_HEAD(&bus->chips);
	bus->khz = khz;
	bus->adapter.owner = THIS_MODULE;
	bus->adapter.algo = &sim_algorithm;
	bus->adapter.nr = number;
	snprintf(bus->adapter.name, sizeof(bus->adapter.name), "simulated EEPROM bus %u", number);
	i2c_set_adapdata(&bus->adapter, bus);
	result = i2c_add_numbered_adapter(&bus->adapter);
	if (result) {
		kfree(bus);
		return ERR_PTR(result);
	}
	list_add_tail(&bus->list, &all_buses);
	scnprintf(name, sizeof(name), "%u", number);
	folder = debugfs_create_dir(name, debug_root);
	debugfs_create_u32("khz", 0600, folder, &bus->khz);
	debugfs_create_u64("busy_us", 0600, folder, &bus->busy_us);
	return bus;
}

static int add_row(unsigned int number)
{
	struct sim_bus *bus = add_bus(number);
	int i, result = 0;

	if (IS_ERR(bus))
		return PTR_ERR(bus);
	for (i = 0; i < CHIPS_IN_ROW && !result; i++) {
		struct order order = {
			.number = number, .address = FIRST_ADDRESS + i, .bytes = size[i], .page = page,
		};

		if (size[i])
			result = add_chip(bus, &order);
	}
	return result;
}

static struct sim_chip *find_chip(int number, u16 address)
{
	struct sim_bus *bus;
	struct sim_chip *chip;

	list_for_each_entry(bus, &all_buses, list) {
		chip = chip_of(bus, number, address);
		if (chip)
			return chip;
	}
	return NULL;
}

static int add_one(const struct order *order)
{
	struct sim_bus *bus;

	if (order->mux)
		return add_chip(order->mux->bus, order);
	list_for_each_entry(bus, &all_buses, list)
		if (bus->adapter.nr == order->number)
			return add_chip(bus, order);
	bus = add_bus(order->number);
	return IS_ERR(bus) ? PTR_ERR(bus) : add_chip(bus, order);
}

static ssize_t add_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	unsigned int mux_number, mux_address;
	struct order order = {};
	char buffer[64];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int result, fields;

	if (IS_ERR(line))
		return PTR_ERR(line);
	fields = sscanf(line, "%u %x %u %u %u-%x %u", &order.number, &order.address, &order.bytes, &order.page,
			&mux_number, &mux_address, &order.channel);
	if ((fields != 4 && fields != 7) || order.address > HIGHEST_ADDRESS || order.number > INT_MAX)
		return -EINVAL;
	mutex_lock(&add_lock);
	if (fields == 7)
		order.mux = find_chip(mux_number, mux_address);
	result = fields == 7 && !order.mux ? -ENODEV : add_one(&order);
	mutex_unlock(&add_lock);
	return result ? result : count;
}

static const struct file_operations add_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = add_write,
	.llseek = noop_llseek,
};

static void drop_bus(struct sim_bus *bus)
{
	struct sim_chip *chip, *next;

	/* Its clients go with it, and with those of multiplexers what is behind them. */
	i2c_del_adapter(&bus->adapter);
	list_for_each_entry_safe(chip, next, &bus->chips, list) {
		chip_sim_drop(&chip->common);
		kfree(chip);
	}
	kfree(bus);
}

static void drop_everything(void)
{
	struct sim_bus *bus, *next;

	/* First, for a write to "plug" must not meet a bus that is going. */
	debugfs_remove_recursive(debug_root);
	list_for_each_entry_safe(bus, next, &all_buses, list)
		drop_bus(bus);
}

static int __init sim_init(void)
{
	unsigned int i;
	int result;

	if (buses > BUSES_IN_ROW || (page && !is_power_of_2(page)))
		return -EINVAL;
	debug_root = debugfs_create_dir("i2c_eeprom_sim", NULL);
	for (i = 0; i < buses; i++) {
		result = add_row(first_bus + i);
		if (result) {
			drop_everything();
			return result;
		}
	}
	/* Last: until then nobody else adds anything. */
	debugfs_create_file("add", 0200, debug_root, NULL, &add_operations);
	return 0;
}

static void __exit sim_exit(void)
{
	drop_everything();
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Simulated I2C buses with serial EEPROMs");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
