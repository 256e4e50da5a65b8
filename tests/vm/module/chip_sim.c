// SPDX-License-Identifier: GPL-2.0
/*
 * Simulated chips, for the modules that simulate buses. A chip's folder in debugfs has:
 *
 *   image          the cells, without traffic on the bus; a write cycle is waited for
 *   present        whether there is a chip (Y or N)
 *   powered_by     "LINE LEVEL": it answers only while that line of gpio_lines_sim has that level; or "none"
 *   fail_after     data bytes until the chip stops answering, or "never"
 *   fail_in_cycle  "N PHASE": it stops answering in the Nth write cycle from now, see "cut" below; or "never". What brings
 *                  it back is "never" in fail_after
 *   write_protect  "off"; "refuse": bytes to be written are not acknowledged (SPI: writing cannot be enabled); "ignore":
 *                  they are acknowledged and forgotten, and no write cycle comes
 *   twr_us         length of a write cycle
 *   transfers      how often it was addressed and answered
 *   bytes          data bytes moved, either way, without addresses
 *   cycles         write cycles begun
 *   programmed     bytes that they were for, all together
 *   busy_us        time that write cycles have taken
 *   plug           "TYPE" makes a client, "-" removes it
 *
 * Bytes of a write go into a page buffer. At the end of the transfer the write cycle begins: what the page held is gone at
 * once, and for the whole of it, as in a real chip, the bytes that the write did not bring included. The new bytes are in
 * when the cycle's time has passed; until then the chip is busy. What is to be found there in between hangs on the seed
 * alone: its remainder by 5 says which kind it is:
 *
 *   0  each byte of the page is the old one, the new one, 0xff or a random one
 *   1  the old page    2  the new page    3  all 0xff    4  random
 *
 * A chip that has lost its power when a cycle would end keeps what is there. For all chips together, in chip_sim:
 *
 *   seed    of what a page is torn into
 *   cut     "N PHASE": the power goes in the Nth write cycle from now, counted over all chips; or "never". The phase is
 *           "before" (no cell has changed yet), "during" (the page is torn) or "after" (the new bytes are in). All processors
 *           stop, and a line on the console tells the host, which ends QEMU
 *   cycles  write cycles begun
 *   log     the last of them, a line each: number, chip, offset of the page's first byte that is written, bytes written
 */

#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/serial_reg.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chip_sim.h"
#include "gpio_lines_sim.h"
#include "region_sim.h"

#define NEVER	U64_MAX

/* The first serial port, which is the console. */
#define CONSOLE	0x3f8

#define LOG_LINES	4096

struct log_line {
	char key[24];
	u32 offset;
	u32 bytes;
};

static const char *const phase_names[] = { "before", "during", "after" };
static const char *const protection_names[] = { "off", "refuse", "ignore" };

/* Making a client starts transfers, which take the bus's lock, so that one cannot guard it. */
static DEFINE_MUTEX(plug_lock);

/* Of what chips of all buses share, taken with a bus's lock held. */
static DEFINE_MUTEX(cycle_lock);
static u64 all_cycles;
static struct chip_sim_moment cut;
static u32 seed;
/* That of cycle N is at N modulo its length. */
static struct log_line *cycle_log;

static struct dentry *debug_root;

static u32 usual_page(u32 bytes)
{
	return bytes <= 256 ? 16 : bytes <= 8192 ? 32 : bytes <= 32768 ? 64 : bytes <= 65536 ? 128 : 256;
}

/* Straight to the port: the task that holds the kernel's console may have been stopped. */
static void say(const char *text)
{
	for (; *text; text++) {
		while (!(inb(CONSOLE + UART_LSR) & UART_LSR_THRE))
			cpu_relax();
		outb(*text, CONSOLE + UART_TX);
	}
}

/* One processor does this, the others are held with interrupts off. */
static int stop(void *text)
{
	say(text);
	for (;;)
		cpu_relax();
	return 0;
}

/* A moment of a chip's cycle has come, which is "number" of all. */
static void machine_reaches(const struct chip_sim *chip, u64 number, enum chip_sim_phase phase)
{
	char text[128];
	bool is_cut;

	mutex_lock(&cycle_lock);
	is_cut = cut.cycle == number && cut.phase == phase;
	mutex_unlock(&cycle_lock);
	if (!is_cut)
		return;
	scnprintf(text, sizeof(text), "\r\nbed: the power went in a write cycle, number %llu, %s page at %u, %s, seed %u\r\n",
		  number, chip->key, chip->buffer_start, phase_names[phase], seed);
	stop_machine(stop, text, NULL);
}

/* The same for a chip, by its own count; whether it lives on. */
static bool chip_reaches(struct chip_sim *chip, enum chip_sim_phase phase)
{
	if (chip->fail_in.cycle != chip->cycles || !chip->cycles || chip->fail_in.phase != phase)
		return true;
	chip->fail_in.cycle = 0;
	chip->fail_after = 0;
	return false;
}

/* A sequence of numbers that is the same for the same seed and cycle. */
static u32 next_random(u64 *state)
{
	u64 mixed = *state += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
	return (mixed ^ (mixed >> 31)) >> 32;
}

/* What a byte is while its page is written: "kind" as in the head of this file. */
static u8 torn_byte(u32 kind, u8 old, u8 new, u64 *state)
{
	u32 random = next_random(state);

	switch (kind ? kind : 1 + (random >> 8) % 4) {
	case 1:
		return old;
	case 2:
		return new;
	case 3:
		return 0xff;
	default:
		return random;
	}
}

static void tear(struct chip_sim *chip, u64 number)
{
	u8 *cells = chip->cells + chip->buffer_start;
	u32 chosen = READ_ONCE(seed), i;
	u64 state = ((u64)chosen << 32) ^ number;

	for (i = 0; i < chip->page; i++)
		cells[i] = torn_byte(chosen % 5, cells[i], chip->buffer[i], &state);
}

/* A number for the cycle that begins, and a line about it. */
static u64 count_cycle(struct chip_sim *chip, u32 first, u32 bytes)
{
	struct log_line *line;
	u64 number;

	mutex_lock(&cycle_lock);
	number = ++all_cycles;
	line = &cycle_log[number % LOG_LINES];
	strscpy(line->key, chip->key, sizeof(line->key));
	line->offset = chip->buffer_start + first;
	line->bytes = bytes;
	mutex_unlock(&cycle_lock);
	chip->cycles++;
	chip->programmed += bytes;
	return number;
}

static void begin_cycle(struct chip_sim *chip)
{
	u32 bytes = bitmap_weight(chip->loaded, chip->page), i;
	u64 number = count_cycle(chip, find_first_bit(chip->loaded, chip->page), bytes);

	for (i = 0; i < chip->page; i++)
		if (!test_bit(i, chip->loaded))
			chip->buffer[i] = chip->cells[chip->buffer_start + i];
	machine_reaches(chip, number, PHASE_BEFORE);
	if (!chip_reaches(chip, PHASE_BEFORE))
		return;
	tear(chip, number);
	machine_reaches(chip, number, PHASE_DURING);
	if (!chip_reaches(chip, PHASE_DURING))
		return;
	chip->number = number;
	chip->busy = true;
	chip->busy_since = ktime_get();
	chip->busy_until = ktime_add_us(chip->busy_since, chip->twr_us);
	hrtimer_start(&chip->timer, chip->busy_until, HRTIMER_MODE_ABS);
}

static enum hrtimer_restart time_is_over(struct hrtimer *timer)
{
	struct chip_sim *chip = container_of(timer, struct chip_sim, timer);

	queue_work(system_highpri_wq, &chip->end);
	return HRTIMER_NORESTART;
}

static void end_cycle(struct chip_sim *chip)
{
	if (chip_sim_is_alive(chip))
		memcpy(chip->cells + chip->buffer_start, chip->buffer, chip->page);
	chip->busy = false;
	chip->busy_us += ktime_us_delta(ktime_get(), chip->busy_since);
	machine_reaches(chip, chip->number, PHASE_AFTER);
	chip_reaches(chip, PHASE_AFTER);
}

bool chip_sim_is_busy(struct chip_sim *chip)
{
	if (chip->busy && !ktime_before(ktime_get(), chip->busy_until))
		end_cycle(chip);
	return chip->busy;
}
EXPORT_SYMBOL_GPL(chip_sim_is_busy);

/* The cells change in time, even if the chip is not asked. */
static void look_at_time(struct work_struct *work)
{
	struct chip_sim *chip = container_of(work, struct chip_sim, end);

	mutex_lock(chip->lock);
	chip_sim_is_busy(chip);
	mutex_unlock(chip->lock);
}

bool chip_sim_is_alive(const struct chip_sim *chip)
{
	if (!chip->present || !chip->fail_after)
		return false;
	return chip->power_line < 0 || gpio_lines_sim_level(chip->power_line) == chip->power_level;
}
EXPORT_SYMBOL_GPL(chip_sim_is_alive);

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

void chip_sim_forget_write(struct chip_sim *chip)
{
	bitmap_zero(chip->loaded, chip->page);
}
EXPORT_SYMBOL_GPL(chip_sim_forget_write);

u32 chip_sim_load(struct chip_sim *chip, u32 offset, u8 value)
{
	u32 start = offset - offset % chip->page, place = offset - start;

	if (start != chip->buffer_start)
		chip_sim_forget_write(chip);
	chip->buffer_start = start;
	chip->buffer[place] = value;
	__set_bit(place, chip->loaded);
	return start + (place + 1) % chip->page;
}
EXPORT_SYMBOL_GPL(chip_sim_load);

void chip_sim_finish_write(struct chip_sim *chip)
{
	if (bitmap_empty(chip->loaded, chip->page))
		return;
	if (chip->fail_after && chip->protection == PROTECTION_OFF)
		begin_cycle(chip);
	chip_sim_forget_write(chip);
}
EXPORT_SYMBOL_GPL(chip_sim_finish_write);

int chip_sim_init(struct chip_sim *chip, const char *key, struct mutex *lock, u32 size, u32 page, u32 twr_us)
{
	chip->lock = lock;
	chip->size = size;
	chip->page = page ? page : usual_page(size);
	chip->twr_us = twr_us;
	chip->present = true;
	chip->fail_after = NEVER;
	chip->power_line = -1;
	hrtimer_init(&chip->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	chip->timer.function = time_is_over;
	INIT_WORK(&chip->end, look_at_time);
	if (strscpy(chip->key, key, sizeof(chip->key)) < 0 || size % chip->page)
		return -EINVAL;
	chip->buffer = kmalloc(chip->page, GFP_KERNEL);
	chip->loaded = bitmap_zalloc(chip->page, GFP_KERNEL);
	chip->cells = region_sim_get(key, size);
	if (chip->buffer && chip->loaded && !IS_ERR(chip->cells))
		return 0;
	chip_sim_drop(chip);
	return IS_ERR(chip->cells) ? PTR_ERR(chip->cells) : -ENOMEM;
}
EXPORT_SYMBOL_GPL(chip_sim_init);

void chip_sim_drop(struct chip_sim *chip)
{
	hrtimer_cancel(&chip->timer);
	cancel_work_sync(&chip->end);
	bitmap_free(chip->loaded);
	kfree(chip->buffer);
	chip->loaded = NULL;
	chip->buffer = NULL;
}
EXPORT_SYMBOL_GPL(chip_sim_drop);

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

/* Takes the lock when no write cycle is under way. */
static void lock_idle(struct chip_sim *chip)
{
	mutex_lock(chip->lock);
	while (chip_sim_is_busy(chip)) {
		mutex_unlock(chip->lock);
		usleep_range(200, 500);
		mutex_lock(chip->lock);
	}
}

static ssize_t image_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	ssize_t done;

	lock_idle(chip);
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
	lock_idle(chip);
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

/* "N PHASE", the Nth cycle after those that there were; or "never". */
static int take_moment(struct chip_sim_moment *moment, u64 before, const char __user *from, size_t count)
{
	char buffer[40], name[8];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int phase;
	u64 number;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (!strcmp(line, "never")) {
		moment->cycle = 0;
		return 0;
	}
	if (sscanf(line, "%llu %7s", &number, name) != 2 || !number || number > U32_MAX)
		return -EINVAL;
	phase = match_string(phase_names, ARRAY_SIZE(phase_names), name);
	if (phase < 0)
		return phase;
	moment->cycle = before + number;
	moment->phase = phase;
	return 0;
}

static ssize_t show_moment(const struct chip_sim_moment *moment, u64 before, char __user *to, size_t count,
			   loff_t *position)
{
	char text[40] = "never\n";

	if (moment->cycle > before)
		scnprintf(text, sizeof(text), "%llu %s\n", moment->cycle - before, phase_names[moment->phase]);
	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t fail_in_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	struct chip_sim_moment moment;
	u64 before;

	mutex_lock(chip->lock);
	moment = chip->fail_in;
	before = chip->cycles;
	mutex_unlock(chip->lock);
	return show_moment(&moment, before, to, count, position);
}

static ssize_t fail_in_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	int result;

	mutex_lock(chip->lock);
	result = take_moment(&chip->fail_in, chip->cycles, from, count);
	mutex_unlock(chip->lock);
	return result ? result : count;
}

static const struct file_operations fail_in_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fail_in_read,
	.write = fail_in_write,
	.llseek = default_llseek,
};

static ssize_t write_protect_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char text[16];

	scnprintf(text, sizeof(text), "%s\n", protection_names[READ_ONCE(chip->protection)]);
	return simple_read_from_buffer(to, count, position, text, strlen(text));
}

static ssize_t write_protect_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct chip_sim *chip = file->private_data;
	char buffer[16];
	char *line = chip_sim_take_line(buffer, sizeof(buffer), from, count);
	int protection;

	if (IS_ERR(line))
		return PTR_ERR(line);
	protection = match_string(protection_names, ARRAY_SIZE(protection_names), line);
	if (protection < 0)
		return protection;
	mutex_lock(chip->lock);
	chip->protection = protection;
	mutex_unlock(chip->lock);
	return count;
}

static const struct file_operations write_protect_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = write_protect_read,
	.write = write_protect_write,
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
	debugfs_create_file("fail_in_cycle", 0600, folder, chip, &fail_in_operations);
	debugfs_create_file("write_protect", 0600, folder, chip, &write_protect_operations);
	debugfs_create_u32("twr_us", 0600, folder, &chip->twr_us);
	debugfs_create_u64("transfers", 0600, folder, &chip->transfers);
	debugfs_create_u64("bytes", 0600, folder, &chip->bytes);
	debugfs_create_u64("cycles", 0400, folder, &chip->cycles);
	debugfs_create_u64("programmed", 0400, folder, &chip->programmed);
	debugfs_create_u64("busy_us", 0400, folder, &chip->busy_us);
	debugfs_create_file("plug", 0200, folder, chip, &plug_operations);
}
EXPORT_SYMBOL_GPL(chip_sim_show);

static ssize_t cut_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct chip_sim_moment moment;
	u64 before;

	mutex_lock(&cycle_lock);
	moment = cut;
	before = all_cycles;
	mutex_unlock(&cycle_lock);
	return show_moment(&moment, before, to, count, position);
}

static ssize_t cut_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	int result;

	mutex_lock(&cycle_lock);
	result = take_moment(&cut, all_cycles, from, count);
	mutex_unlock(&cycle_lock);
	return result ? result : count;
}

static const struct file_operations cut_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = cut_read,
	.write = cut_write,
	.llseek = default_llseek,
};

static int log_show(struct seq_file *file, void *unused)
{
	u64 number;

	mutex_lock(&cycle_lock);
	number = all_cycles < LOG_LINES ? 1 : all_cycles - LOG_LINES + 1;
	for (; number <= all_cycles; number++) {
		struct log_line *line = &cycle_log[number % LOG_LINES];

		seq_printf(file, "%llu %s %u %u\n", number, line->key, line->offset, line->bytes);
	}
	mutex_unlock(&cycle_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(log);

static int __init sim_init(void)
{
	cycle_log = kvcalloc(LOG_LINES, sizeof(*cycle_log), GFP_KERNEL);
	if (!cycle_log)
		return -ENOMEM;
	debug_root = debugfs_create_dir("chip_sim", NULL);
	debugfs_create_u32("seed", 0600, debug_root, &seed);
	debugfs_create_u64("cycles", 0400, debug_root, &all_cycles);
	debugfs_create_file("cut", 0600, debug_root, NULL, &cut_operations);
	debugfs_create_file("log", 0400, debug_root, NULL, &log_fops);
	return 0;
}

static void __exit sim_exit(void)
{
	debugfs_remove_recursive(debug_root);
	kvfree(cycle_log);
}

module_init(sim_init);
module_exit(sim_exit);

MODULE_DESCRIPTION("What simulated chips have in common");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");
