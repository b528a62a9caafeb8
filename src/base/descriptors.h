/* File descriptors of the process: room for many. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

/* Makes room for `wanted` of them, those included that are open: raises the soft limit as far as the hard one lets it (getrlimit(2)), and has
 * the kernel's table of them grow. Returns how many there may be, at most `wanted`.
 *
 * To be called before there are threads: with several, each doubling of the table has all of them that open something wait until every
 * processor has passed through the scheduler (10 to 20 ms; four times for a hundred connections a worker). */
int descriptors_reserve(int wanted);

#endif
