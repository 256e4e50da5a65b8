// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated chips, for the modules that simulate buses. A chip's folder in debugfs has:
 *
 *   image       the cells, without traffic on the bus
 *   present     whether there is a chip (Y or N)
 *   powered_by  "LINE LEVEL": it answers only while that line of gpio_lines_sim has that level; or "none"
 *   fail_after  data bytes until the chip stops answering, or "never"
 *   transfers   how often it was addressed and answered
 *   bytes       data bytes moved, either way, without addresses
 *   plug        "TYPE" makes a client, "-" removes it
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "chip_sim.h"
#include "gpio_lines_sim.h"

#define NEVER	U64_MAX

/* Making a client starts transfers, which take the bus's lock, so that one cannot guard it. */
static DEFINE_MUTEX(plug_lock);

static u32 usual_page(u32 bytes)
{
	return bytes <= 256 ? 16 : bytes <= 8192 ? 32 : bytes <= 32768 ? 64 : bytes <= 65536 ? 128 : 256;
}

int chip_sim_init(struct chip_sim *chip, struct mutex *lock, u32 size, u32 page)
{
	chip->lock = lock;
	chip->size = size;
	chip->page = page ? page : usual_page(size);
	chip->present = true;
	chip->fail_after = NEVER;
	chip->power_line = -1;
	chip->cells = vmalloc(size);
	if (!chip->cells)
		return -ENOMEM;
	memset(chip->cells, 0xff, size);
	return 0;
}
EXPORT_SYMBOL_GPL(chip_sim_init);

void chip_sim_drop(struct chip_sim *chip)
{
	vfree(chip->cells);
	chip->cells = NULL;
}
EXPORT_SYMBOL_GPL(chip_sim_drop);

bool chip_sim_answers(const struct chip_sim *chip)
{
	if (!chip->present || !chip->fail_after || ktime_before(ktime_get(), chip->busy_until))
		return false;
	return chip->power_line < 0 || gpio_lines_sim_level(chip->power_line) == chip->power_level;
}
EXPORT_SYMBOL_GPL(chip_sim_answers);

bool chip_sim_move_byte(struct chip_sim *chip)
{
	if (!chip->fail_after)
		return false;
	if (chip->fail_after != NEVER)
		chip->fail_after--;
	chip->bytes++;
	return true;
}
EXPORT_SYMBOL_GPL(chip_sim_move_byte);

u32 chip_sim_program(struct chip_sim *chip, u32 offset, u8 value)
{
	u32 start = offset - offset % chip->page;

	chip->cells[offset] = value;
	chip->written = true;
	return start + (offset + 1 - start) % chip->page;
}
EXPORT_SYMBOL_GPL(chip_sim_program);

void chip_sim_finish_write(struct chip_sim *chip, u32 twr_us)
{
	if (chip->written)
		chip->busy_until = ktime_add_us(ktime_get(), twr_us);
	chip->written = false;
}
EXPORT_SYMBOL_GPL(chip_sim_finish_write);

char *chip_sim_take_line(char *buffer, size_t room, const char __user *from, size_t count)
{
	if (count >= room)
		return ERR_PTR(-EINVAL);
	if (copy_from_user(buffer, from, count))
		return ERR_PTR(-EFAULT);
	buffer[count] = '\0';
	return strim(buffer);
}
EXPORT_SYMBOL_GPL(chip_sim_take_line);

static ssize_t image_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	ssize_t done;

	mutex_lock(chip->lock);
	done = simple_read_from_buffer(to, count, position, chip->cells, chip->size);
	mutex_unlock(chip->lock);
	return done;
}

static ssize_t image_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	ssize_t done;

	if (!count)
		return 0;
	mutex_lock(chip->lock);
	done = simple_write_to_buffer(chip->cells, chip->size, position, from, count);
	mutex_unlock(chip->lock);
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

static ssize_t fail_after_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char text[24];
	u64 left;

	mutex_lock(chip->lock);
	left = chip->fail_after;
	mutex_unlock(chip->lock);
	if (left == NEVER)
		strscpy(text, "never\n", sizeof(text));
	else
		scnprintf(text, sizeof(text), "%llu\n", left);
	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t fail_after_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char buffer[24];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	u64 left = NEVER;
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (strcmp(line, "never")) {
		result = kstrtou64(line, 10, &left);
		if (result)
			return result;
	}
	mutex_lock(chip->lock);
	chip->fail_after = left;
	mutex_unlock(chip->lock);
	return count;
}

static const struct file_operations fail_after_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fail_after_read,
	.write = fail_after_write,
	.llseek = default_llseek,
};

static ssize_t powered_by_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char text[64];

	mutex_lock(chip->lock);
	if (chip->power_line < 0)
		strscpy(text, "none\n", sizeof(text));
	else
		scnprintf(text, sizeof(text), "%s %d\n", gpio_lines_sim_name(chip->power_line), chip->power_level);
	mutex_unlock(chip->lock);
	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t powered_by_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char buffer[64], name[48];
	char *text = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	unsigned int level = 0;
	int line = -1;

	if (IS_ERR(text))
		return PTR_ERR(text);
	if (strcmp(text, "none")) {
		if (sscanf(text, "%47s %u", name, &level) != 2 || level > 1)
			return -EINVAL;
		line = gpio_lines_sim_find(name);
		if (line < 0)
			return line;
	}
	mutex_lock(chip->lock);
	chip->power_line = line;
	chip->power_level = level;
	mutex_unlock(chip->lock);
	return count;
}

static const struct file_operations powered_by_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = powered_by_read,
	.write = powered_by_write,
	.llseek = default_llseek,
};

static ssize_t plug_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char buffer[32];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int result;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (!*line)
		return -EINVAL;
	mutex_lock(&plug_lock);
	result = chip->plug(chip, line);
	mutex_unlock(&plug_lock);
	return result ? result : count;
}

static const struct file_operations plug_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = plug_write,
	.llseek = noop_llseek,
};

void chip_sim_show(struct chip_sim *chip, struct dentry *folder)
{
	debugfs_create_file_size("image", 0600, folder, chip, &image_operations, chip->size);
	debugfs_create_bool("present", 0600, folder, &chip->present);
	debugfs_create_file("powered_by", 0600, folder, chip, &powered_by_operations);
	debugfs_create_file("fail_after", 0600, folder, chip, &fail_after_operations);
	debugfs_create_u64("transfers", 0600, folder, &chip->transfers);
	debugfs_create_u64("bytes", 0600, folder, &chip->bytes);
	debugfs_create_file("plug", 0200, folder, chip, &plug_operations);
}
EXPORT_SYMBOL_GPL(chip_sim_show);

MODULE_DESCRIPTION("What simulated chips have in common");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
