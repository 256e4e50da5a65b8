// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated I2C buses with serial EEPROMs, for tests in a virtual machine.
 *
 * The parameters make buses with the same row of chips each, at 0x50 upwards, as "size" lists them; any chip on any bus
 * comes by the file "add". A transfer takes as long as it would on the wire, and a write is followed by the chip's write
 * cycle. Tests decide in debugfs what becomes of it:
 *
 *   i2c_eeprom_sim/add             "BUS ADDRESS SIZE" (10 50 4096) makes a chip, and its bus if there is none
 *   i2c_eeprom_sim/BUS/khz         wire speed; 0 makes transfers take no time
 *   i2c_eeprom_sim/BUS/twr_us      length of a write cycle
 *   i2c_eeprom_sim/BUS/busy_us     time that transfers have held the wire
 *   i2c_eeprom_sim/BUS-ADDR/       the chip, see chip_sim.c
 *
 * A chip of 256 bytes does for one with registers, too.
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
	u16 address;
	/* Guarded by the bus's lock. */
	u32 offset;
	struct i2c_client *client;
	struct property_entry properties[2];
	struct software_node node;
};

struct sim_bus {
	struct i2c_adapter adapter;
	struct list_head list;
	/* Guards the chips, and the list of them. */
	struct mutex lock;
	struct list_head chips;
	u32 khz;
	u32 twr_us;
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

static struct sim_chip *chip_at(struct sim_bus *bus, u16 address)
{
	struct sim_chip *chip;

	list_for_each_entry(chip, &bus->chips, list)
		if (chip->address == address)
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
		msg->buf[i] = chip->common.cells[chip->offset];
		chip->offset = (chip->offset + 1) % chip->common.size;
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
		if (!chip_sim_move_byte(&chip->common))
			return -ENXIO;
		chip->offset = chip_sim_program(&chip->common, chip->offset, msg->buf[i]);
	}
	return 0;
}

static int one_message(struct sim_bus *bus, struct i2c_msg *msg, u64 *bits)
{
	struct sim_chip *chip = chip_at(bus, msg->addr);

	*bits += BITS_CONDITION + BITS_BYTE;
	if (!chip || !chip_sim_answers(&chip->common))
		return -ENXIO;
	chip->common.transfers++;
	if (msg->flags & I2C_M_RD)
		return read_message(chip, msg, bits);
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
		chip_sim_finish_write(&chip->common, bus->twr_us);
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

/* Makes or removes the chip's client. The property gives the driver the page size, which new_device cannot. */
static int replug(struct chip_sim *common, const char *type)
{
	struct sim_chip *chip = container_of(common, struct sim_chip, common);
	struct i2c_board_info info = { .addr = chip->address, .swnode = &chip->node };
	struct i2c_client *client;

	if (!strcmp(type, "-")) {
		if (!chip->client)
			return -ENODEV;
		i2c_unregister_device(chip->client);
		chip->client = NULL;
		return 0;
	}
	if (chip->client)
		return -EBUSY;
	strscpy(info.type, type, sizeof(info.type));
	client = i2c_new_client_device(&chip->bus->adapter, &info);
	if (IS_ERR(client))
		return PTR_ERR(client);
	chip->client = client;
	return 0;
}

static bool is_size(unsigned int bytes)
{
	return bytes == 256 || (bytes >= 4096 && bytes <= 65536 && is_power_of_2(bytes));
}

static int add_chip(struct sim_bus *bus, u16 address, u32 bytes)
{
	struct sim_chip *chip;
	char name[16];
	int result;

	if (address < LOWEST_ADDRESS || address > HIGHEST_ADDRESS || !is_size(bytes) || page > bytes)
		return -EINVAL;
	chip = kzalloc(sizeof(*chip), GFP_KERNEL);
	if (!chip)
		return -ENOMEM;
	chip->bus = bus;
	chip->address = address;
	chip->common.plug = replug;
	result = chip_sim_init(&chip->common, &bus->lock, bytes, page);
	if (result) {
		kfree(chip);
		return result;
	}
	chip->properties[0] = PROPERTY_ENTRY_U32("pagesize", chip->common.page);
	chip->node.properties = chip->properties;
	mutex_lock(&bus->lock);
	list_add_tail(&chip->list, &bus->chips);
	mutex_unlock(&bus->lock);
	scnprintf(name, sizeof(name), "%d-%04x", bus->adapter.nr, address);
	chip_sim_show(&chip->common, debugfs_create_dir(name, debug_root));
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
	bus->twr_us = twr_us;
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
	debugfs_create_u32("twr_us", 0600, folder, &bus->twr_us);
	debugfs_create_u64("busy_us", 0600, folder, &bus->busy_us);
	return bus;
}

static int add_row(unsigned int number)
{
	struct sim_bus *bus = add_bus(number);
	int i, result = 0;

	if (IS_ERR(bus))
		return PTR_ERR(bus);
	for (i = 0; i < CHIPS_IN_ROW && !result; i++)
		if (size[i])
			result = add_chip(bus, FIRST_ADDRESS + i, size[i]);
	return result;
}

static int add_one(unsigned int number, unsigned int address, unsigned int bytes)
{
	struct sim_bus *bus;

	list_for_each_entry(bus, &all_buses, list)
		if (bus->adapter.nr == number)
			return chip_at(bus, address) ? -EEXIST : add_chip(bus, address, bytes);
	bus = add_bus(number);
	return IS_ERR(bus) ? PTR_ERR(bus) : add_chip(bus, address, bytes);
}

static ssize_t add_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	unsigned int number, address, bytes;
	char buffer[32];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (sscanf(line, "%u %x %u", &number, &address, &bytes) != 3 || address > HIGHEST_ADDRESS || number > INT_MAX)
		return -EINVAL;
	mutex_lock(&add_lock);
	result = add_one(number, address, bytes);
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

	list_for_each_entry(chip, &bus->chips, list)
		if (chip->client)
			i2c_unregister_device(chip->client);
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
