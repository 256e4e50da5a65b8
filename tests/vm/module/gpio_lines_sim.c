// SPDX-License-Identifier: GPL-2.0
/*
 * A simulated GPIO chip, for tests in a virtual machine. Its lines are named by the parameter "names"; programs use
 * them through the GPIO character device, and tests are at the other end of the wire, in debugfs:
 *
 *   gpio_lines_sim/LINE/pull       the level that the world puts on the line while nobody drives it (Y or N)
 *   gpio_lines_sim/LINE/level      the level on the line now, whoever drives it (0 or 1)
 *   gpio_lines_sim/LINE/direction  "in" or "out", as the program has chosen
 *   gpio_lines_sim/LINE/fault      "none"; "floating": nothing pulls it, so that every reading is another than the last;
 *                                  "error": reading it, and choosing its direction, fails with an I/O error
 *   gpio_lines_sim/warn            written to, makes the kernel warn: a test of what looks for warnings
 *
 * Without names there is no chip, and no line that other simulated devices could hang on.
 */

#include <linux/debugfs.h>
#include <linux/gpio/driver.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "gpio_lines_sim.h"

#define LINES_MAX 128

enum fault { FAULT_NONE, FAULT_FLOATING, FAULT_ERROR };

static const char *const fault_names[] = { "none", "floating", "error" };

struct sim_line {
	enum fault fault;
	bool noise;
	bool output;
	bool driven;
	bool pull;
};

static char *names[LINES_MAX];
static int lines;
module_param_array(names, charp, &lines, 0444);
MODULE_PARM_DESC(names, "names of the lines, from 0 upwards");

static struct platform_device *platform;
static struct dentry *debug_root;
static struct gpio_chip chip;
static struct sim_line all_lines[LINES_MAX];
static DEFINE_SPINLOCK(lock);

static bool level_of(const struct sim_line *line)
{
	return line->output ? line->driven : line->pull;
}

int gpio_lines_sim_find(const char *name)
{
	int i;

	for (i = 0; i < lines; i++)
		if (!strcmp(names[i], name))
			return i;
	return -ENOENT;
}
EXPORT_SYMBOL_GPL(gpio_lines_sim_find);

const char *gpio_lines_sim_name(int line)
{
	return line >= 0 && line < lines ? names[line] : NULL;
}
EXPORT_SYMBOL_GPL(gpio_lines_sim_name);

int gpio_lines_sim_level(int line)
{
	unsigned long flags;
	int level;

	spin_lock_irqsave(&lock, flags);
	level = level_of(&all_lines[line]);
	spin_unlock_irqrestore(&lock, flags);
	return level;
}
EXPORT_SYMBOL_GPL(gpio_lines_sim_level);

static int sim_get(struct gpio_chip *gc, unsigned int offset)
{
	struct sim_line *line = &all_lines[offset];
	unsigned long flags;
	int level;

	spin_lock_irqsave(&lock, flags);
	if (line->fault == FAULT_ERROR) {
		level = -EIO;
	} else if (line->fault == FAULT_FLOATING && !line->output) {
		line->noise = !line->noise;
		level = line->noise;
	} else {
		level = level_of(line);
	}
	spin_unlock_irqrestore(&lock, flags);
	return level;
}

static void sim_set(struct gpio_chip *gc, unsigned int offset, int value)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	all_lines[offset].driven = value;
	spin_unlock_irqrestore(&lock, flags);
}

static int sim_get_direction(struct gpio_chip *gc, unsigned int offset)
{
	return READ_ONCE(all_lines[offset].output) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int sim_direct(unsigned int offset, bool output, bool value)
{
	struct sim_line *line = &all_lines[offset];
	unsigned long flags;
	int result = 0;

	spin_lock_irqsave(&lock, flags);
	if (line->fault == FAULT_ERROR) {
		result = -EIO;
	} else {
		line->output = output;
		line->driven = value;
	}
	spin_unlock_irqrestore(&lock, flags);
	return result;
}

static int sim_direction_input(struct gpio_chip *gc, unsigned int offset)
{
	return sim_direct(offset, false, false);
}

static int sim_direction_output(struct gpio_chip *gc, unsigned int offset, int value)
{
	return sim_direct(offset, true, value);
}

static int level_get(void *data, u64 *value)
{
	const struct sim_line *line = data;

	*value = gpio_lines_sim_level(line - all_lines);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(level_operations, level_get, NULL, "%llu\n");

static ssize_t direction_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	const struct sim_line *line = file->private_data;
	const char *text = READ_ONCE(line->output) ? "out\n" : "in\n";

	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static const struct file_operations direction_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = direction_read,
	.llseek = default_llseek,
};

static ssize_t fault_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	const struct sim_line *line = file->private_data;
	const char *text = fault_names[READ_ONCE(line->fault)];

	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t fault_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct sim_line *line = file->private_data;
	char text[16] = "";
	int fault;

	if (count >= sizeof(text) || copy_from_user(text, from, count))
		return -EINVAL;
	fault = __sysfs_match_string(fault_names, ARRAY_SIZE(fault_names), text);
	if (fault < 0)
		return fault;
	WRITE_ONCE(line->fault, fault);
	return count;
}

static const struct file_operations fault_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fault_read,
	.write = fault_write,
	.llseek = default_llseek,
};

static int warn_set(void *data, u64 value)
{
	WARN(1, "gpio_lines_sim: a warning was asked for\n");
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(warn_operations, NULL, warn_set, "%llu\n");

static void show_line(int index)
{
	struct dentry *folder = debugfs_create_dir(names[index], debug_root);

	debugfs_create_bool("pull", 0600, folder, &all_lines[index].pull);
	debugfs_create_file("level", 0400, folder, &all_lines[index], &level_operations);
	debugfs_create_file("direction", 0400, folder, &all_lines[index], &direction_operations);
	debugfs_create_file("fault", 0600, folder, &all_lines[index], &fault_operations);
}

static int register_chip(void)
{
	int result;

	platform = platform_device_register_simple("gpio_lines_sim", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	chip.label = "gpio_lines_sim";
	chip.owner = THIS_MODULE;
	chip.parent = &platform->dev;
	chip.base = -1;
	chip.ngpio = lines;
	chip.names = (const char *const *)names;
	chip.get = sim_get;
	chip.set = sim_set;
	chip.get_direction = sim_get_direction;
	chip.direction_input = sim_direction_input;
	chip.direction_output = sim_direction_output;
	result = gpiochip_add_data(&chip, NULL);
	if (result)
		platform_device_unregister(platform);
	return result;
}

static int __init sim_init(void)
{
	int i, result;

	if (lines) {
		result = register_chip();
		if (result)
			return result;
	}
	debug_root = debugfs_create_dir("gpio_lines_sim", NULL);
	debugfs_create_file("warn", 0200, debug_root, NULL, &warn_operations);
	for (i = 0; i < lines; i++)
		show_line(i);
	return 0;
}

static void __exit sim_exit(void)
{
	debugfs_remove_recursive(debug_root);
	if (!lines)
		return;
	gpiochip_remove(&chip);
	platform_device_unregister(platform);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Simulated GPIO chip whose lines tests set and read");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
