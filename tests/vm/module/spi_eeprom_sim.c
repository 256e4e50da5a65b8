// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated SPI buses with one serial EEPROM each, for tests in a virtual machine. Transfers take no time. The parts know
 * READ, WRITE, WREN, WRDI and RDSR, with two bytes of address up to 64 KiB and three above:
 *
 *   spi_eeprom_sim/add        "BUS SIZE PAGE" (12 262144 0) makes a bus and its chip; a page of 0 is what parts of the size
 *                             usually have
 *   spi_eeprom_sim/spiBUS.0/  the chip, see chip_sim.c; its type for "plug" is the driver's, at25
 *
 * A chip that does not answer leaves its wire high: what is read is all ones.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/spi/spi.h>
#include <linux/string.h>

#include "chip_sim.h"

enum command {
	COMMAND_WRITE = 0x02,
	COMMAND_READ = 0x03,
	COMMAND_WRITE_DISABLE = 0x04,
	COMMAND_READ_STATUS = 0x05,
	COMMAND_WRITE_ENABLE = 0x06,
};

#define STATUS_BUSY	0x01
#define STATUS_ENABLED	0x02

#define SMALLEST	4096
#define LARGEST		(512 * 1024)
#define WRITE_CYCLE_US	5000
#define SPEED_HZ	10000000

struct sim_bus {
	struct list_head list;
	struct spi_controller *controller;
	struct spi_device *client;
	struct property_entry properties[4];
	struct software_node node;
	/* Guards all below. */
	struct mutex lock;
	struct chip_sim chip;
	bool enabled;
	/* What the chip remembers while it is selected. */
	u32 position;
	u8 command;
	u32 offset;
	bool moved;
};

static struct platform_device *platform;
static struct dentry *debug_root;
static LIST_HEAD(all_buses);
static DEFINE_MUTEX(add_lock);

static u32 offset_bytes(const struct sim_bus *bus)
{
	return bus->chip.size > 65536 ? 3 : 2;
}

static u8 data_byte(struct sim_bus *bus, u8 out)
{
	struct chip_sim *chip = &bus->chip;
	u8 in = 0xff;

	if (!chip_sim_move_byte(chip)) {
		chip_sim_forget_write(chip);
		return in;
	}
	if (bus->command == COMMAND_READ) {
		in = chip->cells[bus->offset];
		bus->offset = (bus->offset + 1) % chip->size;
	} else if (bus->enabled) {
		bus->offset = chip_sim_load(chip, bus->offset, out);
		bus->moved = true;
	}
	return in;
}

/* One byte goes out while one comes in. */
static u8 one_byte(struct sim_bus *bus, u8 out)
{
	u32 position = bus->position++;

	if (!position)
		bus->command = out;
	if (bus->command == COMMAND_READ_STATUS && position)
		return (chip_sim_is_busy(&bus->chip) ? STATUS_BUSY : 0) | (bus->enabled ? STATUS_ENABLED : 0);
	/* In a write cycle the chip hears nothing else. */
	if (chip_sim_is_busy(&bus->chip))
		return 0xff;
	if (!position) {
		if (out == COMMAND_WRITE_ENABLE)
			bus->enabled = bus->chip.protection != PROTECTION_REFUSE;
		else if (out == COMMAND_WRITE_DISABLE)
			bus->enabled = false;
		return 0xff;
	}
	if (bus->command != COMMAND_READ && bus->command != COMMAND_WRITE)
		return 0xff;
	if (position <= offset_bytes(bus)) {
		bus->offset = ((bus->offset << 8) | out) % bus->chip.size;
		return 0xff;
	}
	return data_byte(bus, out);
}

static void select_chip(struct sim_bus *bus)
{
	bus->position = 0;
	bus->offset = 0;
	bus->moved = false;
	bus->chip.transfers++;
}

static void deselect_chip(struct sim_bus *bus)
{
	if (bus->moved)
		bus->enabled = false;
	chip_sim_finish_write(&bus->chip);
}

static int sim_transfer(struct spi_controller *controller, struct spi_message *message)
{
	struct sim_bus *bus = spi_controller_get_devdata(controller);
	struct spi_transfer *transfer;
	unsigned int i;

	mutex_lock(&bus->lock);
	select_chip(bus);
	list_for_each_entry(transfer, &message->transfers, transfer_list) {
		const u8 *out = transfer->tx_buf;
		u8 *in = transfer->rx_buf;

		for (i = 0; i < transfer->len; i++) {
			u8 got = chip_sim_is_alive(&bus->chip) ? one_byte(bus, out ? out[i] : 0) : 0xff;

			if (in)
				in[i] = got;
		}
		message->actual_length += transfer->len;
		if (transfer->cs_change && !list_is_last(&transfer->transfer_list, &message->transfers)) {
			deselect_chip(bus);
			select_chip(bus);
		}
	}
	deselect_chip(bus);
	mutex_unlock(&bus->lock);
	message->status = 0;
	spi_finalize_current_message(controller);
	return 0;
}

static int replug(struct chip_sim *chip, const char *type)
{
	struct sim_bus *bus = container_of(chip, struct sim_bus, chip);
	struct spi_board_info info = { .swnode = &bus->node, .max_speed_hz = SPEED_HZ };

	if (!strcmp(type, "-")) {
		if (!bus->client)
			return -ENODEV;
		spi_unregister_device(bus->client);
		bus->client = NULL;
		return 0;
	}
	if (bus->client)
		return -EBUSY;
	strscpy(info.modalias, type, sizeof(info.modalias));
	bus->client = spi_new_device(bus->controller, &info);
	return bus->client ? 0 : -ENODEV;
}

static void describe(struct sim_bus *bus)
{
	bus->properties[0] = PROPERTY_ENTRY_U32("size", bus->chip.size);
	bus->properties[1] = PROPERTY_ENTRY_U32("pagesize", bus->chip.page);
	bus->properties[2] = PROPERTY_ENTRY_U32("address-width", 8 * offset_bytes(bus));
	bus->node.properties = bus->properties;
}

static int register_bus(struct sim_bus *bus, unsigned int number)
{
	struct spi_controller *controller = spi_alloc_master(&platform->dev, 0);
	int result;

	if (!controller)
		return -ENOMEM;
	controller->bus_num = number;
	controller->num_chipselect = 1;
	controller->mode_bits = SPI_CPOL | SPI_CPHA;
	controller->transfer_one_message = sim_transfer;
	spi_controller_set_devdata(controller, bus);
	bus->controller = controller;
	result = spi_register_controller(controller);
	if (result)
		spi_controller_put(controller);
	return result;
}

static int add_bus(unsigned int number, u32 size, u32 page)
{
	struct sim_bus *bus;
	char name[16];
	int result;

	if (number > S16_MAX || size < SMALLEST || size > LARGEST || !is_power_of_2(size) ||
	    page > size || (page && !is_power_of_2(page)))
		return -EINVAL;
	list_for_each_entry(bus, &all_buses, list)
		if (bus->controller->bus_num == number)
			return -EEXIST;
	bus = kzalloc(sizeof(*bus), GFP_KERNEL);
	if (!bus)
		return -ENOMEM;
	mutex_init(&bus->lock);
	bus->chip.plug = replug;
	scnprintf(name, sizeof(name), "spi%u.0", number);
	result = chip_sim_init(&bus->chip, name, &bus->lock, size, page, WRITE_CYCLE_US);
	if (result) {
		kfree(bus);
		return result;
	}
	describe(bus);
	result = register_bus(bus, number);
	if (result) {
		chip_sim_drop(&bus->chip);
		kfree(bus);
		return result;
	}
	list_add_tail(&bus->list, &all_buses);
	chip_sim_show(&bus->chip, debugfs_create_dir(name, debug_root));
	return 0;
}

static ssize_t add_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	unsigned int number, size, page;
	char buffer[32];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (sscanf(line, "%u %u %u", &number, &size, &page) != 3)
		return -EINVAL;
	mutex_lock(&add_lock);
	result = add_bus(number, size, page);
	mutex_unlock(&add_lock);
	return result ? result : count;
}

static const struct file_operations add_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = add_write,
	.llseek = noop_llseek,
};

static int __init sim_init(void)
{
	platform = platform_device_register_simple("spi_eeprom_sim", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	debug_root = debugfs_create_dir("spi_eeprom_sim", NULL);
	debugfs_create_file("add", 0200, debug_root, NULL, &add_operations);
	return 0;
}

static void __exit sim_exit(void)
{
	struct sim_bus *bus, *next;

	debugfs_remove_recursive(debug_root);
	list_for_each_entry_safe(bus, next, &all_buses, list) {
		/* The client goes with its controller. */
		spi_unregister_controller(bus->controller);
		chip_sim_drop(&bus->chip);
		kfree(bus);
	}
	platform_device_unregister(platform);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Simulated SPI buses with serial EEPROMs");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
