/* The gap between FETCHes: how it grows while the source is slow, and goes away when it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/source_load.h"

#define LOOKS_A_SECOND 20

static void doubles_while_slow_up_to_half_a_second(void **state) {
    (void)state;
    int64_t gap = source_load_gap(0, true);
    assert_int_equal(gap, 2 * CLOCK_MS);
    for (int i = 0; i < 100; i++) {
        int64_t next = source_load_gap(gap, true);
        assert_true(next == gap * 2 || next == CLOCK_SECOND / 2);
        gap = next;
    }
    assert_int_equal(gap, CLOCK_SECOND / 2);
}

static void goes_away_when_the_source_answers_in_time(void **state) {
    (void)state;
    int64_t gap = CLOCK_SECOND / 2;
    int looks = 0;
    for (; gap > 0; looks++) {
        int64_t next = source_load_gap(gap, false);
        assert_true(next < gap);
        gap = next;
    }
    assert_true(looks < 4 * LOOKS_A_SECOND);
    assert_int_equal(source_load_gap(0, false), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_while_slow_up_to_half_a_second),
        cmocka_unit_test(goes_away_when_the_source_answers_in_time),
    };
    return cmocka_run_group_tests_name("source_load", tests, NULL, NULL);
}
