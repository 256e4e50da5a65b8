/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What simulated chips have in common, whatever bus they are on: cells, their write cycles, whether they are there and have
 * power, faults, and the files by which tests reach all that.
 */
#ifndef CHIP_SIM_H
#define CHIP_SIM_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;

/* A place in a write cycle: before a cell changes, while the page is torn, when the new bytes are in. */
enum chip_sim_phase { PHASE_BEFORE, PHASE_DURING, PHASE_AFTER };

/* What a chip does with bytes that are written to it: takes them, does not acknowledge them, or forgets them. */
enum chip_sim_protection { PROTECTION_OFF, PROTECTION_REFUSE, PROTECTION_IGNORE };

/* The number of a write cycle, 0 for none, and the place in it. */
struct chip_sim_moment {
	u64 cycle;
	enum chip_sim_phase phase;
};

struct chip_sim {
	/* Guards all below; a bus has one for all of its chips. */
	struct mutex *lock;
	char key[24];
	/* They lie in the memory that outlives the machine. */
	u8 *cells;
	u32 size;
	u32 page;
	bool present;
	u64 fail_after;
	struct chip_sim_moment fail_in;
	enum chip_sim_protection protection;
	/* The page buffer: which page it is for, what it has, and which bytes of it a write has brought. */
	u32 buffer_start;
	u8 *buffer;
	unsigned long *loaded;
	/* The write cycle, and its number among those of all chips. */
	u32 twr_us;
	bool busy;
	u64 number;
	ktime_t busy_since;
	ktime_t busy_until;
	struct hrtimer timer;
	struct work_struct end;
	u64 transfers;
	u64 bytes;
	u64 cycles;
	u64 programmed;
	u64 busy_us;
	/* The line that has to have this level for the chip to have power; negative for none. */
	int power_line;
	int power_level;
	/* Makes a client of this type, or removes it when it is "-"; called by one task at a time. */
	int (*plug)(struct chip_sim *chip, const char *type);
};

/*
 * Sets up a chip whose cells are the region of its key; a page of 0 is what parts of the size usually have. The chip is
 * zeroed memory but for "plug".
 */
int chip_sim_init(struct chip_sim *chip, const char *key, struct mutex *lock, u32 size, u32 page, u32 twr_us);
void chip_sim_drop(struct chip_sim *chip);

/* Makes the chip's files. */
void chip_sim_show(struct chip_sim *chip, struct dentry *folder);

/* The rest is for the bus, with the lock held. Whether there is a chip that has power and works: */
bool chip_sim_is_alive(const struct chip_sim *chip);
/* Whether a write cycle is under way, in which it is busy. One whose time has passed ends here, or a moment later by itself. */
bool chip_sim_is_busy(struct chip_sim *chip);
/* Counts one data byte; false when the chip no longer takes or gives it. */
bool chip_sim_move_byte(struct chip_sim *chip);
/* Forgets what a write has brought. */
void chip_sim_forget_write(struct chip_sim *chip);
/* The next byte of a write, into the buffer of the page that the offset lies in; the offset it moves on to. */
u32 chip_sim_load(struct chip_sim *chip, u32 offset, u8 value);
/* Begins the write cycle, if there was a write. */
void chip_sim_finish_write(struct chip_sim *chip);

/* Copies a short line from user space, without the blanks around it. */
char *chip_sim_take_line(char *buffer, size_t room, const char __user *from, size_t count);

#endif
