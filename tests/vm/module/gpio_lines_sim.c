// SPDX-License-Identifier: GPL-2.0
/*
 * A simulated GPIO chip, for tests in a virtual machine. Its lines are named by the parameter "names"; programs use
 * them through the GPIO character device, and tests are at the other end of the wire, in debugfs:
 *
 *   gpio_lines_sim/LINE/pull       the level that the world puts on the line while nobody drives it (Y or N)
 *   gpio_lines_sim/LINE/level      the level on the line now, whoever drives it (0 or 1)
 *   gpio_lines_sim/LINE/direction  "in" or "out", as the program has chosen
 */

#include <linux/debugfs.h>
#include <linux/gpio/driver.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define LINES_MAX 32

struct sim_line {
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

static int sim_get(struct gpio_chip *gc, unsigned int offset)
{
	unsigned long flags;
	bool level;

	spin_lock_irqsave(&lock, flags);
	level = level_of(&all_lines[offset]);
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

static int sim_direction_input(struct gpio_chip *gc, unsigned int offset)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	all_lines[offset].output = false;
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static int sim_direction_output(struct gpio_chip *gc, unsigned int offset, int value)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	all_lines[offset].output = true;
	all_lines[offset].driven = value;
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static int level_get(void *data, u64 *value)
{
	*value = sim_get(&chip, (struct sim_line *)data - all_lines);
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

static void show_line(int index)
{
	struct dentry *folder = debugfs_create_dir(names[index], debug_root);

	debugfs_create_bool("pull", 0600, folder, &all_lines[index].pull);
	debugfs_create_file("level", 0400, folder, &all_lines[index], &level_operations);
	debugfs_create_file("direction", 0400, folder, &all_lines[index], &direction_operations);
}

static int __init sim_init(void)
{
	int i, result;

	if (!lines)
		return -EINVAL;
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
	if (result) {
		platform_device_unregister(platform);
		return result;
	}
	debug_root = debugfs_create_dir("gpio_lines_sim", NULL);
	for (i = 0; i < lines; i++)
		show_line(i);
	return 0;
}

static void __exit sim_exit(void)
{
	debugfs_remove_recursive(debug_root);
	gpiochip_remove(&chip);
	platform_device_unregister(platform);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Simulated GPIO chip whose lines tests set and read");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
