// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated I2C buses with serial EEPROMs, for tests in a virtual machine.
 *
 * Every bus has the same row of chips at 0x50 upwards, as the parameter "size" lists them. A transfer takes as long as
 * it would on the wire, a write is followed by the chip's write cycle, and tests decide in debugfs whether a chip is
 * there, when it stops answering, and what its cells hold:
 *
 *   i2c_eeprom_sim/BUS/khz         wire speed; 0 makes transfers take no time
 *   i2c_eeprom_sim/BUS/twr_us      length of a write cycle
 *   i2c_eeprom_sim/BUS/busy_us     time that transfers have held the wire
 *   i2c_eeprom_sim/BUS-ADDR/image       the cells, without traffic on the bus
 *   i2c_eeprom_sim/BUS-ADDR/present     whether there is a chip (Y or N)
 *   i2c_eeprom_sim/BUS-ADDR/fail_after  data bytes until the chip stops answering, or "never"
 *   i2c_eeprom_sim/BUS-ADDR/transfers   messages that addressed the chip and were acknowledged
 *   i2c_eeprom_sim/BUS-ADDR/bytes       data bytes moved, either way, without addresses
 *   i2c_eeprom_sim/BUS-ADDR/plug        "TYPE" makes a client (24c256), "-" removes it
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/i2c.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define FIRST_ADDRESS	0x50
#define CHIPS_PER_BUS	8
#define BUSES_MAX	64
#define NEVER		U64_MAX

/* START or STOP, and the eight bits of a byte with its acknowledgement. */
#define BITS_CONDITION	1
#define BITS_BYTE	9

struct sim_bus;

struct sim_chip {
	struct sim_bus *bus;
	u16 address;
	/* All below, but the client, is guarded by the bus's lock. */
	u8 *cells;
	u32 size;
	u32 page;
	u32 offset;
	bool present;
	u64 fail_after;
	ktime_t busy_until;
	bool written;
	u64 transfers;
	u64 bytes;
	/* Guarded by plug_lock, since making a client starts transfers, which take the bus's lock. */
	struct i2c_client *client;
	struct property_entry properties[2];
	struct software_node node;
};

struct sim_bus {
	struct i2c_adapter adapter;
	struct mutex lock;
	struct sim_chip chips[CHIPS_PER_BUS];
	u32 khz;
	u32 twr_us;
	u64 busy_us;
	bool registered;
};

static unsigned int buses = 1;
module_param(buses, uint, 0444);
MODULE_PARM_DESC(buses, "number of buses");

static unsigned int first_bus = 10;
module_param(first_bus, uint, 0444);
MODULE_PARM_DESC(first_bus, "number of the first bus; the others follow");

static unsigned int size[CHIPS_PER_BUS] = { 32768 };
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

static struct sim_bus *all_buses;
static struct dentry *debug_root;
static DEFINE_MUTEX(plug_lock);

static u32 offset_bytes(const struct sim_chip *chip)
{
	return chip->size > 256 ? 2 : 1;
}

static struct sim_chip *chip_at(struct sim_bus *bus, u16 address)
{
	struct sim_chip *chip;

	if (address < FIRST_ADDRESS || address >= FIRST_ADDRESS + CHIPS_PER_BUS)
		return NULL;
	chip = &bus->chips[address - FIRST_ADDRESS];
	return chip->cells ? chip : NULL;
}

/* Whether the chip acknowledges its address now. */
static bool answers(const struct sim_chip *chip)
{
	return chip->present && chip->fail_after && !ktime_before(ktime_get(), chip->busy_until);
}

/* Counts one data byte; false when the chip no longer takes or gives it. */
static bool move_byte(struct sim_chip *chip)
{
	if (!chip->fail_after)
		return false;
	if (chip->fail_after != NEVER)
		chip->fail_after--;
	chip->bytes++;
	return true;
}

static int read_message(struct sim_chip *chip, struct i2c_msg *msg, u64 *bits)
{
	u16 i;

	for (i = 0; i < msg->len; i++) {
		*bits += BITS_BYTE;
		if (!move_byte(chip))
			return -ENXIO;
		msg->buf[i] = chip->cells[chip->offset];
		chip->offset = (chip->offset + 1) % chip->size;
	}
	return 0;
}

/* The first bytes set the address counter; the rest fall into one page and wrap around within it. */
static int write_message(struct sim_chip *chip, const struct i2c_msg *msg, u64 *bits)
{
	u32 start, offset = 0;
	u16 i;

	for (i = 0; i < msg->len && i < offset_bytes(chip); i++) {
		*bits += BITS_BYTE;
		offset = (offset << 8) | msg->buf[i];
	}
	if (i == offset_bytes(chip))
		chip->offset = offset % chip->size;
	start = chip->offset - chip->offset % chip->page;
	for (; i < msg->len; i++) {
		*bits += BITS_BYTE;
		if (!move_byte(chip))
			return -ENXIO;
		chip->cells[chip->offset] = msg->buf[i];
		chip->offset = start + (chip->offset + 1 - start) % chip->page;
		chip->written = true;
	}
	return 0;
}

static int one_message(struct sim_bus *bus, struct i2c_msg *msg, u64 *bits)
{
	struct sim_chip *chip = chip_at(bus, msg->addr);

	*bits += BITS_CONDITION + BITS_BYTE;
	if (!chip || !answers(chip))
		return -ENXIO;
	chip->transfers++;
	if (msg->flags & I2C_M_RD)
		return read_message(chip, msg, bits);
	return write_message(chip, msg, bits);
}

/* Write cycles begin at STOP. */
static void begin_write_cycles(struct sim_bus *bus)
{
	int i;

	for (i = 0; i < CHIPS_PER_BUS; i++) {
		struct sim_chip *chip = &bus->chips[i];

		if (chip->written)
			chip->busy_until = ktime_add_us(ktime_get(), bus->twr_us);
		chip->written = false;
	}
}

static int sim_transfer(struct i2c_adapter *adapter, struct i2c_msg *msgs, int num)
{
	struct sim_bus *bus = i2c_get_adapdata(adapter);
	u64 bits = BITS_CONDITION, wire_us = 0;
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

	mutex_lock(&bus->lock);
	begin_write_cycles(bus);
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

static ssize_t image_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct sim_chip *chip = file->private_data;
	ssize_t done;

	mutex_lock(&chip->bus->lock);
	done = simple_read_from_buffer(to, count, position, chip->cells, chip->size);
	mutex_unlock(&chip->bus->lock);
	return done;
}

static ssize_t image_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct sim_chip *chip = file->private_data;
	ssize_t done;

	if (!count)
		return 0;
	mutex_lock(&chip->bus->lock);
	done = simple_write_to_buffer(chip->cells, chip->size, position, from, count);
	mutex_unlock(&chip->bus->lock);
	/* A writer that is told 0 would try for ever. */
	return done ? done : -ENOSPC;
}

static const struct file_operations image_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = image_read,
	.write = image_write,
	.llseek = default_llseek,
};

/* Copies a short line from user space, without the blanks around it. */
static char *take_line(char *buffer, size_t room, const char __user *from, size_t count)
{
	if (count >= room)
		return ERR_PTR(-EINVAL);
	if (copy_from_user(buffer, from, count))
		return ERR_PTR(-EFAULT);
	buffer[count] = '\0';
	return strim(buffer);
}

static ssize_t fail_after_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct sim_chip *chip = file->private_data;
	char text[24];
	u64 left;

	mutex_lock(&chip->bus->lock);
	left = chip->fail_after;
	mutex_unlock(&chip->bus->lock);
	if (left == NEVER)
		strscpy(text, "never\n", sizeof(text));
	else
		scnprintf(text, sizeof(text), "%llu\n", left);
	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t fail_after_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct sim_chip *chip = file->private_data;
	char buffer[24];
	char *line = take_line(buffer, sizeof(buffer), from, count);
	u64 left = NEVER;
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (strcmp(line, "never")) {
		result = kstrtou64(line, 10, &left);
		if (result)
			return result;
	}
	mutex_lock(&chip->bus->lock);
	chip->fail_after = left;
	mutex_unlock(&chip->bus->lock);
	return count;
}

static const struct file_operations fail_after_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fail_after_read,
	.write = fail_after_write,
	.llseek = default_llseek,
};

/* Makes or removes the chip's client. The property gives the driver the page size, which new_device cannot. */
static int replug(struct sim_chip *chip, const char *type)
{
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

static ssize_t plug_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct sim_chip *chip = file->private_data;
	char buffer[I2C_NAME_SIZE + 1];
	char *line = take_line(buffer, sizeof(buffer), from, count);
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (!*line)
		return -EINVAL;
	mutex_lock(&plug_lock);
	result = replug(chip, line);
	mutex_unlock(&plug_lock);
	return result ? result : count;
}

static const struct file_operations plug_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = plug_write,
	.llseek = noop_llseek,
};

static void show_chip(struct sim_chip *chip)
{
	struct dentry *folder;
	char name[16];

	scnprintf(name, sizeof(name), "%d-%04x", chip->bus->adapter.nr, chip->address);
	folder = debugfs_create_dir(name, debug_root);
	debugfs_create_file_size("image", 0600, folder, chip, &image_operations, chip->size);
	debugfs_create_bool("present", 0600, folder, &chip->present);
	debugfs_create_file("fail_after", 0600, folder, chip, &fail_after_operations);
	debugfs_create_u64("transfers", 0600, folder, &chip->transfers);
	debugfs_create_u64("bytes", 0600, folder, &chip->bytes);
	debugfs_create_file("plug", 0200, folder, chip, &plug_operations);
}

static void show_bus(struct sim_bus *bus)
{
	struct dentry *folder;
	char name[16];

	scnprintf(name, sizeof(name), "%d", bus->adapter.nr);
	folder = debugfs_create_dir(name, debug_root);
	debugfs_create_u32("khz", 0600, folder, &bus->khz);
	debugfs_create_u32("twr_us", 0600, folder, &bus->twr_us);
	debugfs_create_u64("busy_us", 0600, folder, &bus->busy_us);
}

static u32 usual_page(u32 bytes)
{
	return bytes <= 256 ? 16 : bytes <= 8192 ? 32 : bytes <= 32768 ? 64 : 128;
}

static int make_chip(struct sim_bus *bus, int index)
{
	struct sim_chip *chip = &bus->chips[index];

	chip->bus = bus;
	chip->address = FIRST_ADDRESS + index;
	if (!size[index])
		return 0;
	chip->size = size[index];
	chip->page = page ? page : usual_page(chip->size);
	chip->present = true;
	chip->fail_after = NEVER;
	chip->properties[0] = PROPERTY_ENTRY_U32("pagesize", chip->page);
	chip->node.properties = chip->properties;
	chip->cells = vmalloc(chip->size);
	if (!chip->cells)
		return -ENOMEM;
	memset(chip->cells, 0xff, chip->size);
	return 0;
}

static int make_bus(struct sim_bus *bus, unsigned int number)
{
	int i, result;

	mutex_init(&bus->lock);
	bus->khz = khz;
	bus->twr_us = twr_us;
	for (i = 0; i < CHIPS_PER_BUS; i++) {
		result = make_chip(bus, i);
		if (result)
			return result;
	}
	bus->adapter.owner = THIS_MODULE;
	bus->adapter.algo = &sim_algorithm;
	bus->adapter.nr = number;
	snprintf(bus->adapter.name, sizeof(bus->adapter.name), "simulated EEPROM bus %u", number);
	i2c_set_adapdata(&bus->adapter, bus);
	result = i2c_add_numbered_adapter(&bus->adapter);
	if (result)
		return result;
	bus->registered = true;
	show_bus(bus);
	for (i = 0; i < CHIPS_PER_BUS; i++)
		if (bus->chips[i].cells)
			show_chip(&bus->chips[i]);
	return 0;
}

static void drop_bus(struct sim_bus *bus)
{
	int i;

	for (i = 0; i < CHIPS_PER_BUS; i++)
		if (bus->chips[i].client)
			i2c_unregister_device(bus->chips[i].client);
	if (bus->registered)
		i2c_del_adapter(&bus->adapter);
	for (i = 0; i < CHIPS_PER_BUS; i++)
		vfree(bus->chips[i].cells);
}

static void drop_everything(void)
{
	unsigned int i;

	/* First, for a write to "plug" must not meet a bus that is going. */
	debugfs_remove_recursive(debug_root);
	for (i = 0; i < buses; i++)
		drop_bus(&all_buses[i]);
	kfree(all_buses);
}

static bool parameters_make_sense(void)
{
	unsigned int i;

	if (!buses || buses > BUSES_MAX || (page && !is_power_of_2(page)))
		return false;
	for (i = 0; i < CHIPS_PER_BUS; i++) {
		bool known = size[i] == 256 || (size[i] >= 4096 && size[i] <= 65536 && is_power_of_2(size[i]));

		if (size[i] && (!known || page > size[i]))
			return false;
	}
	return true;
}

static int __init sim_init(void)
{
	unsigned int i;
	int result;

	if (!parameters_make_sense())
		return -EINVAL;
	all_buses = kcalloc(buses, sizeof(*all_buses), GFP_KERNEL);
	if (!all_buses)
		return -ENOMEM;
	debug_root = debugfs_create_dir("i2c_eeprom_sim", NULL);
	for (i = 0; i < buses; i++) {
		result = make_bus(&all_buses[i], first_bus + i);
		if (result) {
			drop_everything();
			return result;
		}
	}
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
