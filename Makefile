# hlua: `make` leaves build/hlua. `make help` lists the targets, `make opts` shows the settings in force.

VERSION  = 0.1.0
PREFIX   = /usr/local
DESTDIR  =
CC       = gcc
AR       = ar
OPTIMIZE = -O2 -flto=auto
SANITIZE =
CFLAGS   =
LDFLAGS  =
PKG_CONFIG = pkg-config

# One folder a variant, so that switching rebuilds nothing: build/ for the release, build/address-undefined/, build/thread/.
comma := ,
VARIANT := $(subst $(comma),-,$(SANITIZE))
BUILD   := build$(if $(VARIANT),/$(VARIANT))
OBJ     := $(BUILD)/obj

WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
	-Wno-unknown-warning-option -Wno-format-truncation -Wno-missing-field-initializers
ifneq ($(SANITIZE),)
OPTIMIZE = -O1 -fno-omit-frame-pointer
SANITIZER = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
endif

# Lua and lua-cjson are linked statically; the rest are the system's shared libraries.
LUA_INC    ?= /usr/include/lua5.4
LUA_LIB    ?= $(firstword $(wildcard /usr/lib/*/liblua5.4.a /usr/lib/liblua5.4.a))
CJSON_LIB  ?= $(firstword $(wildcard /usr/lib/*/liblua5.4-cjson.a /usr/lib/liblua5.4-cjson.a))
PQ_INC     ?= $(firstword $(wildcard /usr/include/postgresql /usr/include/libpq))

# name of the thing : file that must be there : Debian package : variable that overrides it
missing = $(if $(1),,$(error $(2) is missing: install the Debian package $(3)$(if $(4), (or set $(4)))))
have    = $(wildcard $(1))
checks  = $(call missing,$(LUA_LIB),liblua5.4.a,liblua5.4-dev,LUA_LIB)$(call missing,$(call have,$(LUA_INC)/lua.h),lua.h,liblua5.4-dev,LUA_INC)$(call missing,$(CJSON_LIB),liblua5.4-cjson.a,lua-cjson-dev,CJSON_LIB)$(call missing,$(call have,$(PQ_INC)/libpq-fe.h),libpq-fe.h,libpq-dev,PQ_INC)$(call missing,$(firstword $(wildcard /usr/include/curl/curl.h /usr/include/*/curl/curl.h)),curl/curl.h,libcurl4-openssl-dev,)$(call missing,$(call have,/usr/include/openssl/evp.h),openssl/evp.h,libssl-dev,)$(call missing,$(call have,/usr/include/sqlite3.h),sqlite3.h,libsqlite3-dev,)$(call missing,$(call have,/usr/include/xxhash.h),xxhash.h,libxxhash-dev,)$(call missing,$(call have,/usr/include/zlib.h),zlib.h,zlib1g-dev,)
ifeq ($(filter clean help,$(MAKECMDGOALS)),)
$(checks)
endif

CPPFLAGS_ALL = -Isrc -isystem $(LUA_INC) -isystem $(PQ_INC) -D_GNU_SOURCE -DHLUA_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL   = -std=gnu11 -g $(OPTIMIZE) $(WARNINGS) -pthread -fvisibility=hidden $(SANITIZER) $(CFLAGS)
LIBS = $(CJSON_LIB) $(LUA_LIB) -lpq -lcurl -lsqlite3 -lssl -lcrypto -lz -lm -ldl
LDFLAGS_ALL  = -pthread $(SANITIZER) $(LDFLAGS)

SOURCES := $(filter-out src/main.c,$(wildcard src/*/*.c))
OBJECTS := $(SOURCES:src/%.c=$(OBJ)/%.o)
# What is embedded: Lua under @hlua/..., SQL of the ledger.
EMBEDDED := $(wildcard lua/hlua/*.lua lua/hlua/*/*.lua src/engine/*.sql)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all install uninstall clean help opts unit lua-test lint bench bench-stages fuzz test endpoint spent unit-programs pg-test fuzz-programs fuzz-replay campaign FORCE

all: $(BUILD)/hlua

# ---- how things are compiled: a change of compiler or flags rebuilds. Two makes may ask at once (scripts/test): each has a file of its own.
STAMP := $(OBJ)/.flags
$(STAMP): FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; \
	printf '%s\n' '$(CC) $(subst ','\'',$(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL))' > $$new; \
	if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi

$(OBJ)/%.o: src/%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(OBJ)/tests/%.o: tests/%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# ---- embedded files: an assembler source that includes each of them
$(OBJ)/embedded.S: scripts/embed $(EMBEDDED) $(STAMP)
	@mkdir -p $(@D)
	$(call say,EMBED,"$(words $(EMBEDDED)) files")
	$(Q)scripts/embed $(EMBEDDED) > $@
$(OBJ)/embedded.o: $(OBJ)/embedded.S
	$(Q)$(CC) -c -o $@ $<

$(BUILD)/hlua: $(OBJ)/main.o $(OBJECTS) $(OBJ)/embedded.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,-E -o $@ $^ $(LIBS)

# ---- tests: linked with all objects in one, which are optimized together once instead of for each program
$(OBJ)/all.o: $(OBJECTS) $(OBJ)/embedded.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(OPTIMIZE) -r -nostdlib $(if $(findstring clang,$(CC)),,-flinker-output=nolto-rel) -o $@ $^

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
# In tests that include memory_faults.h our own allocations can be made to fail.
$(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(shell grep -l '"memory_faults.h"' tests/unit/test_*.c)): WRAP = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(BUILD)/unit/%: $(OBJ)/tests/unit/%.o $(OBJ)/all.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(WRAP) -Wl,-E -o $@ $^ -lcmocka $(LIBS)
unit-programs: $(UNIT)
unit: $(UNIT)
	$(Q)BUILD=$(BUILD) tests/unit/run $(UNIT)

PG_TESTS := $(patsubst tests/pg/%.c,$(BUILD)/pg/%,$(wildcard tests/pg/test_*.c))
$(BUILD)/pg/%: $(OBJ)/tests/pg/%.o $(OBJ)/all.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,-E -o $@ $^ -lcmocka $(LIBS)
pg-test: $(PG_TESTS)
	$(Q)tests/pg/run $(PG_TESTS)

ENDPOINT := $(patsubst tests/%.c,$(OBJ)/tests/%.o,$(wildcard tests/endpoint/*.c))
BASE_OBJECTS := $(patsubst src/%.c,$(OBJ)/%.o,$(filter-out src/base/embedded.c,$(wildcard src/base/*.c)))
# The model of DynamoDB's capacity is the endpoint's too.
CAPACITY_OBJECTS := $(patsubst %,$(OBJ)/dynamodb/%.o,capacity parts key item_size value schema)
$(BUILD)/endpoint: $(ENDPOINT) $(CAPACITY_OBJECTS) $(BASE_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lssl -lcrypto -lz -lm
endpoint: $(BUILD)/endpoint

lua-test: all
	$(Q)tests/lua/run

lint:
	$(Q)tests/lint/run

test:
	$(Q)scripts/test

# Random plans over random tables against Python's own mapping: make campaign SEEDS=1-50
SEEDS = 1-50
campaign: all endpoint
	$(Q)SEEDS=$(SEEDS) tests/integration/run campaign

$(BUILD)/spent: $(OBJ)/tests/bench/spent.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
spent: $(BUILD)/spent

bench: all endpoint spent
	$(Q)scripts/bench
bench-stages: all endpoint spent
	$(Q)CASES=stages scripts/bench

# ---- fuzzing: objects are always compiled with the tests, so that they cannot rot
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_SECONDS = 60
FUZZ_CFLAGS = -std=gnu11 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -pthread
FUZZ_OBJ = build/fuzz/obj
FUZZ_SRC_OBJ := $(patsubst src/%.c,$(FUZZ_OBJ)/%.o,$(filter-out src/base/embedded.c,$(wildcard src/base/*.c src/pg/types*.c src/pg/wire.c src/aws/*.c src/dynamodb/*.c src/mapping/*.c)))
$(FUZZ_OBJ)/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)
	$(Q)clang $(CPPFLAGS_ALL) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
build/fuzz/%: tests/fuzz/%.c $(FUZZ_SRC_OBJ)
	$(call say,FUZZLINK,$@)
	$(Q)clang $(CPPFLAGS_ALL) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_SRC_OBJ) -lcurl -lssl -lcrypto -lz -lm
fuzz-programs: $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SOURCES))
fuzz: fuzz-programs
	$(Q)tests/fuzz/run $(FUZZ_SECONDS)

# The corpus as an ordinary test: any compiler, no libFuzzer.
FUZZ_REPLAY := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz-replay/%,$(FUZZ_SOURCES))
$(BUILD)/fuzz-replay/%: $(OBJ)/tests/fuzz/%.o $(OBJ)/tests/fuzz/replay.o $(OBJ)/all.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,-E -o $@ $^ $(LIBS)
fuzz-replay: $(FUZZ_REPLAY)
	$(Q)tests/fuzz/run --replay $(FUZZ_REPLAY)

# ---- installing
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 build/hlua $(DESTDIR)$(PREFIX)/bin/hlua
	install -d $(DESTDIR)$(PREFIX)/share/hlua
	find migrations -name .hlua -prune -o -type f -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/hlua/{} \;

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/hlua
	rm -rf $(DESTDIR)$(PREFIX)/share/hlua

clean:
	rm -rf build/obj build/unit build/pg build/fuzz build/fuzz-replay build/address-undefined build/thread build/hlua build/endpoint build/spent

opts:
	@printf '%s\n' 'CC         $(CC)' 'OPTIMIZE   $(OPTIMIZE)' 'SANITIZE   $(SANITIZE)' 'CFLAGS     $(CFLAGS)' \
	  'PREFIX     $(PREFIX)' 'DESTDIR    $(DESTDIR)' 'LUA_LIB    $(LUA_LIB)' 'LUA_INC    $(LUA_INC)' \
	  'CJSON_LIB  $(CJSON_LIB)' 'PQ_INC     $(PQ_INC)' 'BUILD      $(BUILD)'

help:
	@printf '%s\n' 'make                              build/hlua' \
	  'make install | uninstall          under PREFIX (/usr/local), inside DESTDIR' \
	  'make SANITIZE=address,undefined   build/address-undefined/hlua; SANITIZE=thread likewise' \
	  'make unit | pg-test | lua-test    parts of the tests; scripts/test runs them all' \
	  'make lint | fuzz-replay           likewise' \
	  'make test                         scripts/test' \
	  'make campaign                     random plans over random tables; SEEDS=1-50' \
	  'make bench                        measures; ROWS=1000000 RUNS=3 CASES=templates,tls PEERS=1' \
	  'make bench-stages                 instructions a row of each stage, into tests/bench/stages.txt' \
	  'make fuzz                         each parser for FUZZ_SECONDS (60)' \
	  'make endpoint                     the DynamoDB-shaped server of the tests' \
	  'make opts                         the settings in force' \
	  'make clean                        removes what make has built' \
	  'V=1 shows the commands.'

-include $(wildcard $(OBJ)/*.d $(OBJ)/*/*.d $(OBJ)/tests/*/*.d $(FUZZ_OBJ)/*/*.d)
