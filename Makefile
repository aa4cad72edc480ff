# make            build/supervise
# make check      builds and runs all tests           make asan    the same under AddressSanitizer and UBSan
# make check-agents   runs the real agent programs, which npm installs into a cache, against a scripted endpoint
# make bench      timings beside peers, as ratios (BENCHFLAGS='--quick --runs N --json FILE GROUP')
# make fuzz       each target of tests/fuzz by libFuzzer, FUZZ_SECONDS=30 each (FUZZ='NAME...': only those); wants clang
# make lint    clang-tidy, cppcheck, -fanalyzer, format
# make fmt        formats the code                    make install PREFIX= DESTDIR=

PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= cc
PYTHON  ?= /usr/bin/python3
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wno-overlength-strings
CFLAGS  ?= -O2 -g
WERROR  ?= $(if $(CI),-Werror)
SANITIZE ?=
PLAIN_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DSUPERVISE_VERSION='"$(VERSION)"' -Iinclude -I$(BUILD)/gen -fno-common \
               $(WARN) $(WERROR) $(CFLAGS)
ALL_CFLAGS = $(PLAIN_CFLAGS) $(SANITIZE)
LIBS    := -lev -ljansson -lsqlite3 -lm
# The program loads no library at its start, which every command it wraps would pay for. The linker's only warning is about
# dlopen() in SQLite's extension loader, which we never call. Relocations are packed: read one by one, they would be a
# twentieth of a short run. Sanitizers and valgrind want the libraries shared: STATIC=
STATIC  ?= $(if $(SANITIZE),,-static-pie -Wl,--no-warnings -Wl,-z,pack-relative-relocs)

SOURCES := $(sort $(wildcard src/*/*.c))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
MAIN    := $(BUILD)/obj/main.o
SCHEMA  := $(sort $(wildcard src/store/schema/*.sql))
WORKFLOWS := $(sort $(wildcard conf/workflows/*.toml))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
PROBES  := $(patsubst tests/probes/%.c,$(BUILD)/probes/%,$(sort $(wildcard tests/probes/*.c)))
BENCH   := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
FUZZ    ?= $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/driver.c,$(sort $(wildcard tests/fuzz/*.c))))
FUZZERS := $(FUZZ:%=$(BUILD)/fuzzers/%)

.PHONY: all check check-agents asan bench fmt fuzz fuzzers lint install clean tests
all: $(BUILD)/supervise

$(BUILD)/supervise: $(MAIN) $(OBJECTS)
	$(CC) $(CFLAGS) $(SANITIZE) $(STATIC) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The migrations, in order, and the workflows that are shipped, as C strings.
$(BUILD)/gen/schema.inc: $(SCHEMA) Makefile
$(BUILD)/gen/workflows.inc: $(WORKFLOWS) Makefile
$(BUILD)/gen/%.inc:
	@mkdir -p $(@D)
	for f in $(filter-out Makefile,$^); do sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $$f; echo ','; done >$@
$(BUILD)/obj/store/migrate.o: $(BUILD)/gen/schema.inc
$(BUILD)/obj/config/shipped.o: $(BUILD)/gen/workflows.inc

# The agent programs that are known without a file, as a C string.
$(BUILD)/gen/agents.inc: src/config/agents.toml Makefile
	@mkdir -p $(@D)
	sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< >$@
$(BUILD)/obj/config/agent.o: $(BUILD)/gen/agents.inc

$(BUILD)/tests/%: tests/unit/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(OBJECTS) $(LIBS) -lcmocka

# The fuzz targets: run by a driver of ours, on the corpus, or by libFuzzer where `make fuzz` builds them.
FUZZ_MAIN ?= $(BUILD)/obj/fuzz-driver.o
$(BUILD)/obj/fuzz-driver.o: tests/fuzz/driver.c tests/fuzz/fuzz.h Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/fuzzers/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(filter %.o,$(FUZZ_MAIN)) $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(FUZZ_MAIN) $(OBJECTS) $(LIBS)
fuzzers: $(FUZZERS)

# Without sanitizers: the search for leaks at exit stops the process by ptrace, which a SIGCONT of ours can upset.
$(BUILD)/probes/%: tests/probes/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(PLAIN_CFLAGS) -o $@ $<

# Linked as the program is: what they are compared with must not differ in how it starts.
$(BUILD)/bench/%: tests/bench/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(STATIC) -o $@ $< $(LIBS)

# The program with a death built in, for tests of what it leaves behind. Only a static link sends SQLite's calls this way,
# too; sanitizers don't have one.
CRASH   := open open64 mkostemp write pwrite pwrite64 fsync fdatasync ftruncate64 fchmod unlink unlinkat rename renameat2 \
           mkdir rmdir bind send mmap64 dup2 fork execvp
$(BUILD)/supervise-crash: $(MAIN) $(OBJECTS) tests/crash/crash.c
	$(CC) $(PLAIN_CFLAGS) $(STATIC) $(CRASH:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

tests: $(BUILD)/supervise $(UNIT) $(PROBES) $(FUZZERS) $(if $(STATIC),$(BUILD)/supervise-crash)

check: tests
	$(PYTHON) tests/run.py --build $(BUILD)

check-agents: $(BUILD)/supervise
	$(PYTHON) tests/agents/check.py --build $(BUILD)

asan:
	$(MAKE) BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' check

# What is new goes to $(BUILD)/fuzz/corpus, and what a target ended on to $(BUILD)/fuzz/NAME-*: once that is mended, it
# belongs into tests/fuzz/corpus/NAME.
FUZZ_SECONDS ?= 30
TOML_TEST := $(wildcard ../shared/toml-test)
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang FUZZ_MAIN=-fsanitize=fuzzer CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzzers
	for name in $(FUZZ); do \
	    more=; [ $$name != toml ] || more='$(TOML_TEST)'; \
	    mkdir -p $(BUILD)/fuzz/corpus/$$name && echo "== $$name" && \
	    $(BUILD)/fuzz/fuzzers/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 -verbosity=1 \
	        -artifact_prefix=$(BUILD)/fuzz/$$name- $(BUILD)/fuzz/corpus/$$name tests/fuzz/corpus/$$name $$more || exit 1; \
	done

bench: $(BUILD)/supervise $(BENCH)
	$(PYTHON) tests/bench/bench.py --build $(BUILD) $(BENCHFLAGS)

FORMAT := $(shell find src include tests -name '*.[ch]' 2>/dev/null)
fmt:
	clang-format -i $(FORMAT)

lint: $(BUILD)/gen/schema.inc $(BUILD)/gen/workflows.inc $(BUILD)/gen/agents.inc
	clang-format --dry-run -Werror $(FORMAT)
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem -Iinclude -I$(BUILD)/gen -D_GNU_SOURCE \
	    '-Djson_array_foreach(a,i,v)=for(i=0;(v=json_array_get(a,i));i++)' \
	    '-Djson_object_foreach(o,k,v)=for(k=0;(v=json_object_get(o,k));)' src
	clang-tidy --quiet --warnings-as-errors='*' $(SOURCES) src/main.c -- -std=gnu17 -D_GNU_SOURCE -DSUPERVISE_VERSION='""' -Iinclude -I$(BUILD)/gen
	$(MAKE) BUILD=$(BUILD)/analyzer CC=gcc CFLAGS='-O1 -fanalyzer' WERROR=-Werror

install: $(BUILD)/supervise
	install -D -m 755 $(BUILD)/supervise $(DESTDIR)$(PREFIX)/bin/supervise
	install -D -m 644 man/supervise.1 $(DESTDIR)$(PREFIX)/share/man/man1/supervise.1
	install -D -m 644 conf/supervise.toml $(DESTDIR)$(PREFIX)/share/doc/supervise/supervise.toml
	install -d $(DESTDIR)$(PREFIX)/share/doc/supervise/workflows
	install -m 644 conf/workflows/*.toml $(DESTDIR)$(PREFIX)/share/doc/supervise/workflows/
	install -D -m 644 contrib/completions/supervise.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/supervise
	install -D -m 644 contrib/completions/_supervise $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_supervise
	install -D -m 644 contrib/completions/supervise.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/supervise.fish

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(MAIN:.o=.d) $(UNIT:=.d)
