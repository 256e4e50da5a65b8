/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What simulated chips have in common, whatever bus they are on: cells, whether they are there and have power, faults, and
 * the files by which tests reach all that.
 */
#ifndef CHIP_SIM_H
#define CHIP_SIM_H

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct dentry;

struct chip_sim {
	/* Guards all below; a bus has one for all of its chips. */
	struct mutex *lock;
	u8 *cells;
	u32 size;
	u32 page;
	bool present;
	u64 fail_after;
	ktime_t busy_until;
	bool written;
	u64 transfers;
	u64 bytes;
	/* The line that has to have this level for the chip to have power; negative for none. */
	int power_line;
	int power_level;
	/* Makes a client of this type, or removes it when it is "-"; called by one task at a time. */
	int (*plug)(struct chip_sim *chip, const char *type);
};

/* Sets up a chip with blank cells; a page of 0 is what parts of the size usually have. */
int chip_sim_init(struct chip_sim *chip, struct mutex *lock, u32 size, u32 page);
void chip_sim_drop(struct chip_sim *chip);

/* Makes the chip's files. */
void chip_sim_show(struct chip_sim *chip, struct dentry *folder);

/* The rest is for the bus, with the lock held. Whether the chip reacts when it is addressed now: */
bool chip_sim_answers(const struct chip_sim *chip);
/* Counts one data byte; false when the chip no longer takes or gives it. */
bool chip_sim_move_byte(struct chip_sim *chip);
/* The next byte of a write, in the page that the offset lies in; the offset it moves on to. */
u32 chip_sim_program(struct chip_sim *chip, u32 offset, u8 value);
/* Begins the write cycle, if there was a write. */
void chip_sim_finish_write(struct chip_sim *chip, u32 twr_us);

/* Copies a short line from user space, without the blanks around it. */
char *chip_sim_take_line(char *buffer, size_t room, const char __user *from, size_t count);

#endif
