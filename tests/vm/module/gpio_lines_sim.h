/* SPDX-License-Identifier: GPL-2.0 */
/* What other simulated devices may ask about the lines. */
#ifndef GPIO_LINES_SIM_H
#define GPIO_LINES_SIM_H

/* The number of the line with this name, or -ENOENT. */
int gpio_lines_sim_find(const char *name);

/* Its name, or NULL. */
const char *gpio_lines_sim_name(int line);

/* The level on it now, whoever drives it. */
int gpio_lines_sim_level(int line);

#endif
