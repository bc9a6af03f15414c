# torfed.  GNU make.  "make help" lists the targets.
#
# Objects go to $(BUILD); each program is copied to FOLDER/FOLDER unless BUILD
# is another directory (sanitizers, fuzzers), which then has it as
# $(BUILD)/FOLDER/FOLDER.

VERSION =	0.1.0
BUILD ?=	build
PREFIX ?=	/usr
SYSCONFDIR ?=	/etc
LIBEXECDIR ?=	$(PREFIX)/libexec/torfed
DATADIR ?=	$(PREFIX)/share/torfed
MANDIR ?=	$(PREFIX)/share/man
CC ?=		gcc
YACC =		bison -y

# Commands are shown in short; V=1 shows them whole.
ifneq ($(V),1)
Q =		@
say =		@echo '  $(1)	$(2)';
endif

PROGRAMS =	fedd fed-listener fed-signer fed-sender fed-queued fedctl

WARNINGS =	-Wall -Wextra -Wshadow -Wcast-qual -Wstrict-prototypes \
		-Wmissing-prototypes -Wsign-compare -Wformat=2 \
		-Wdeclaration-after-statement -Werror
# Of these what the compiler and the machine have; clang before 16 takes the
# last flag only together with another.
ifeq ($(origin HARDENING),undefined)
probe =		$(if $(shell $(CC) -Werror $(1) -x c -S -o - /dev/null \
		>/dev/null 2>&1 && echo yes),$(1))
ZERO =		-ftrivial-auto-var-init=zero
ZERO_CLANG =	-enable-trivial-auto-var-init-zero-knowing-it-will-be-$\
		removed-from-clang
HARDENING :=	-O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
		$(call probe,-fstack-clash-protection) \
		$(call probe,-fcf-protection=full) \
		$(or $(call probe,$(ZERO)),$(call probe,$(ZERO) $(ZERO_CLANG)))
endif
LINKING ?=	-pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed
# override: what is given on the command line comes on top.
override CPPFLAGS += -D_GNU_SOURCE -DTORFED_VERSION='"$(VERSION)"' \
		-DTORFED_LIBEXEC='"$(LIBEXECDIR)"' \
		-DTORFED_DATA='"$(DATADIR)"' -DTORFED_ETC='"$(SYSCONFDIR)"' \
		-Icommon -I$(PGINCLUDE)
PGINCLUDE :=	$(shell pg_config --includedir 2>/dev/null || \
		echo /usr/include/postgresql)
# Paths are compiled in: with others these files are compiled anew.
PATHS =		$(VERSION) $(LIBEXECDIR) $(DATADIR) $(SYSCONFDIR)
ifneq ($(PATHS),$(shell cat $(BUILD)/paths 2>/dev/null))
$(shell mkdir -p $(BUILD) && echo '$(PATHS)' >$(BUILD)/paths)
endif
PATHS_OBJ =	fedd/fedd fed-queued/control/show_status fedctl/fedctl \
		fedctl/migration
$(PATHS_OBJ:%=$(BUILD)/%.o): $(BUILD)/paths
$(BUILD)/paths: ;
override CFLAGS += -std=gnu11 -g -fPIE $(HARDENING) $(WARNINGS) $(SANITIZE)
override LDFLAGS += $(LINKING) $(SANITIZE)

# Libraries by altitude, a folder of common/ each: base knows no protocol, ipc
# is what processes say to each other, proto the protocol without jansson (what
# fed-signer links), room the decisions about rooms, pure; json the payloads;
# events what needs libevent.
LIBRARIES =	conf json room proto events ipc base
SRC_events =	$(wildcard common/events/*.c)
SRC_conf =	$(wildcard common/conf/*.c)
SRC_json =	$(wildcard common/json/*.c)
SRC_room =	$(wildcard common/room/*.c)
SRC_proto =	$(wildcard common/proto/*.c)
SRC_ipc =	$(wildcard common/ipc/*.c)
SRC_base =	$(wildcard common/base/*.c)

objects =	$(patsubst %.c,$(BUILD)/%.o,$(1))
LIBS =		$(LIBRARIES:%=$(BUILD)/lib%.a)

LIBS_fedd =		-levent_core -lseccomp -lsodium -lbsd
LIBS_fed-listener =	-levent_core -ljansson -lseccomp -lsodium -lbsd
LIBS_fed-signer =	-lseccomp -lsodium -lbsd
LIBS_fed-sender =	-levent_core -ljansson -lseccomp -lsodium -lbsd
LIBS_fed-queued =	-levent_core -ljansson -lpq -lseccomp -lsodium -lbsd -lm
LIBS_fedctl =		-ljansson -lpq -lseccomp -lsodium -lbsd
LIBS_test =		-lcmocka -levent_core -ljansson -lpq -lseccomp \
			-lsodium -lbsd -lm

PROGRAM_FILES =	$(foreach p,$(PROGRAMS),$(BUILD)/$(p)/$(p))
ifeq ($(BUILD),build)
PROGRAM_FILES =	$(foreach p,$(PROGRAMS),$(p)/$(p))
endif

.PHONY:	all help deps check lint demo bench install fuzz asan clean format
.DEFAULT_GOAL := all
all: $(PROGRAM_FILES)

help:
	@sed -n 's/^## //p' Makefile

define program
OBJ_$(1) =	$$(call objects,$$(wildcard $(1)/*.c $(1)/*/*.c $(1)/*/*/*.c))
$$(BUILD)/$(1)/$(1): $$(OBJ_$(1)) $$(LIBS)
	$$(call say,LINK,$$@)$$(CC) $$(LDFLAGS) -o $$@ $$(OBJ_$(1)) $$(LIBS) $$(LIBS_$(1))
$(1)/$(1): $$(BUILD)/$(1)/$(1)
	$$(Q)cp $$< $$@.new && mv $$@.new $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# A program of more than one floor names its headers from its own folder.
$(BUILD)/fed-queued/%.o: override CPPFLAGS += -Ifed-queued
$(BUILD)/tests/%.o: override CPPFLAGS += -I. -Ifed-queued

define library
$$(BUILD)/lib$(1).a: $$(call objects,$$(SRC_$(1)))
endef
$(foreach l,$(LIBRARIES),$(eval $(call library,$(l))))
$(BUILD)/libconf.a: $(BUILD)/common/conf/parse.o
$(BUILD)/%.a:
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/common/conf/parse.c: common/conf/parse.y
	@mkdir -p $(@D)
	$(call say,YACC,$<)$(YACC) -o $@ $<
$(BUILD)/common/conf/parse.o: $(BUILD)/common/conf/parse.c
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The schema that the programs are built for. Looked at each time, since a file
# may have gone.
.PHONY: FORCE
$(BUILD)/schema_files.h: FORCE
	@mkdir -p $(@D)
	@new=$$(sql/checksums sql sql/migrations) || exit 1; \
	    [ "$$new" = "$$(cat $@ 2>/dev/null)" ] || printf '%s\n' "$$new" >$@
$(BUILD)/common/base/schema.o: override CPPFLAGS += -I$(BUILD)
$(BUILD)/common/base/schema.o: $(BUILD)/schema_files.h

# Unit tests: tests/unit/FOLDER/NAME_test.c, each a program of its own, linked
# with production objects: those of FOLDER/NAME.c and of UNIT_EXTRA_FOLDER/NAME.
UNIT_SRC =	$(wildcard $(addsuffix /*_test.c,tests/unit/* \
		tests/unit/*/* tests/unit/*/*/*))
UNIT_FILES =	$(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
include tests/unit/extra.mk
.SECONDEXPANSION:
$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o \
    $$(call objects,$$(sort $$(wildcard $$*.c) $$(UNIT_EXTRA_$$*))) $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_test)

# Helper programs of the tests written in C: tests/lib/NAME.c, with objects of
# programs in TOOL_EXTRA_NAME.
TOOL_SRC =	$(wildcard tests/lib/*.c)
TOOL_FILES =	$(patsubst %.c,$(BUILD)/%,$(TOOL_SRC))
$(BUILD)/tests/lib/%: $(BUILD)/tests/lib/%.o \
    $$(call objects,$$(TOOL_EXTRA_$$*)) $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_test)

# fedctl as it will be when there are migrations: those of the test.
NEXT =		$(BUILD)/tests/lib/next
$(NEXT)/schema_files.h: $(wildcard sql/*.sql sql/rooms/*.sql) sql/order \
    sql/checksums $(wildcard tests/integration/fedctl/migrations/*.sql)
	@mkdir -p $(@D)
	@sql/checksums sql tests/integration/fedctl/migrations >$@
$(NEXT)/schema.o: override CPPFLAGS += -I$(NEXT)
$(NEXT)/schema.o: common/base/schema.c $(NEXT)/schema_files.h
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(NEXT)/fedctl: $(OBJ_fedctl) $(NEXT)/schema.o $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_fedctl)
TOOL_FILES +=	$(NEXT)/fedctl

# Fuzzers: tests/fuzz/NAME_fuzz.c; corpora in tests/fuzz/corpus/NAME. In the
# ordinary build they are linked with a main that replays files.
FUZZ_SRC =	$(wildcard tests/fuzz/*_fuzz.c)
REPLAY_FILES =	$(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/tests/fuzz/%_replay, \
		$(FUZZ_SRC))
FUZZ_FILES =	$(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/tests/fuzz/%_fuzz, \
		$(FUZZ_SRC))
$(BUILD)/tests/fuzz/%_replay: $(BUILD)/tests/fuzz/%_fuzz.o \
    $(BUILD)/tests/fuzz/replay.o $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_test)
$(BUILD)/tests/fuzz/%_fuzz: $(BUILD)/tests/fuzz/%_fuzz.o $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(LIBS) $(LIBS_test)

# The simulator of rooms, and the search through the delivery rules.
SIMULATE_SRC =	$(filter-out tests/simulate/delivery.c, \
		$(wildcard tests/simulate/*.c tests/simulate/sql/*.c))
# With them the code of rooms, and who is asked before a decision of theirs is.
SIMULATE_QUEUED = $(addprefix fed-queued/,db/db_parameters.c db/db_types.c \
		db/types.c db/statements.c db/row.c \
		exchange/restored.c rooms/attempt.c rooms/values.c \
		rooms/document.c rooms/turn.c rooms/items/invitation.c \
		rooms/items/showing.c rooms/vouch.c rooms/vouch_holds.c \
		rooms/items/received.c) \
		$(filter-out %/rekey.c %/look.c %/answer.c %/exchange.c, \
		$(wildcard $(addprefix fed-queued/rooms/,state/*.c \
		messages/*.c sync/*.c)))
SIMULATE_WRAP =	room_state_apply room_home_decide room_message_judge \
		room_message_judge_again room_message_send room_message_give \
		room_state_shown room_head_compare room_stream_compare \
		room_void_contradiction room_stream_void room_invite_take \
		clock_now room_event_verify ed_verify cert_verify \
		requests_soon requests_wait messages_judge log_error \
		timer_new timer_arm_once
SIMULATE_FILES = $(BUILD)/tests/simulate/simulate \
		$(BUILD)/tests/simulate/delivery
$(BUILD)/tests/simulate/%.o: override CPPFLAGS += -Itests/simulate
$(BUILD)/tests/simulate/simulate: $(call objects,$(SIMULATE_SRC) \
    $(SIMULATE_QUEUED)) $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $(SIMULATE_WRAP:%=-Wl,--wrap=%) \
	    -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_test)
$(BUILD)/tests/simulate/delivery: $(call objects,tests/simulate/delivery.c \
    fed-queued/exchange/reaction.c) $(LIBS)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS) $(LIBS_test)

.PHONY: tests-built fuzz-built
tests-built: all $(UNIT_FILES) $(TOOL_FILES) $(REPLAY_FILES) $(SIMULATE_FILES)
fuzz-built: $(FUZZ_FILES)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

##   make            build; each program is FOLDER/FOLDER
##   make deps       install the Debian packages that are missing
deps:
	@deps/install

##   make check      all tests; ends with prove's totals
check: deps
	@+tests/run check

##   make asan       programs and tests under ASan and UBSan, in build-asan
ASAN_FLAGS =	BUILD=build-asan HARDENING='-O1 -fno-omit-frame-pointer' \
		LINKING='-pie -Wl,--as-needed' CPPFLAGS=-DTORFED_SANITIZER \
		SANITIZE='-fsanitize=address,undefined \
		-fno-sanitize-recover=all'
asan:
	@+$(MAKE) --no-print-directory $(ASAN_FLAGS) tests-built

##   make fuzz       build the fuzzers with clang, run each for FUZZ_SECONDS
FUZZ_SECONDS ?=	60
FUZZ_FLAGS =	BUILD=build-fuzz CC=clang LINKING= CPPFLAGS=-DTORFED_SANITIZER \
		HARDENING='-O1 -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined,fuzzer-no-link \
		-fno-sanitize-recover=all'
fuzz: deps
	@+$(MAKE) --no-print-directory $(FUZZ_FLAGS) fuzz-built
	@tests/fuzz/run $(FUZZ_SECONDS)

##   make lint       pages, scripts, C, its format, style and arrows
lint: deps
	@+$(MAKE) --no-print-directory all
	@TORFED_BUILD='$(BUILD)' tests/lint

##   make demo       three servers over a private Tor network (KEEP=1 stays)
demo: deps
	@+$(MAKE) --no-print-directory all tests-built
	@tests/harness/demo

##   make bench      figures, one a line (QUICK=1: in two minutes)
bench:
	@deps/install >&2
	@+$(MAKE) --no-print-directory all tests-built >&2
	@QUICK='$(QUICK)' tests/bench/bench $(FIGURES)

##   make soak       faults under load: MINUTES=30 SEED=n (a new one)
MINUTES ?=	30
SEED ?=
.PHONY: soak
soak: deps
	@+$(MAKE) --no-print-directory all tests-built
	@MINUTES='$(MINUTES)' SEED='$(SEED)' tests/soak

##   make simulate   rooms under faults: SEEDS=10000 FROM=1; SQL=1: through the
##                   real SQL as well, which takes a second a seed
SEEDS ?=	10000
FROM ?=		1
SQL ?=
.PHONY: simulate
simulate: deps
	@+$(MAKE) --no-print-directory $(BUILD)/tests/simulate/simulate
	@TORFED_BUILD='$(abspath $(BUILD))' \
	    $(if $(SQL),tests/simulate/sql.py,$(BUILD)/tests/simulate/simulate) \
	    $(SEEDS) $(FROM)

##   make install    DESTDIR= PREFIX=/usr SYSCONFDIR=/etc
DOCDIR ?=	$(PREFIX)/share/doc/torfed
UNITDIR ?=	$(PREFIX)/lib/systemd/system
SYSUSERSDIR ?=	$(PREFIX)/lib/sysusers.d
TMPFILESDIR ?=	$(PREFIX)/lib/tmpfiles.d
MIGRATIONS =	$(wildcard sql/migrations/*.sql)
INSTALL_DIRS =	$(PREFIX)/sbin $(LIBEXECDIR) $(DATADIR) $(DATADIR)/sql \
		$(DATADIR)/sql/rooms $(if $(MIGRATIONS),$(DATADIR)/sql/migrations) \
		$(DATADIR)/sql/attach $(DATADIR)/sql/chat \
		$(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8 \
		$(SYSCONFDIR)/torfed $(DOCDIR) $(DOCDIR)/examples \
		$(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR)
install: all
	@case '$(BUILD)' in build) ;; *) \
	    echo 'install: a sanitizer build is never installed' >&2; \
	    exit 1;; esac
	install -d -m 755 $(INSTALL_DIRS:%='$(DESTDIR)%')
	install -m 755 fedd/fedd fedctl/fedctl '$(DESTDIR)$(PREFIX)/sbin'
	install -m 755 fed-listener/fed-listener fed-signer/fed-signer \
	    fed-sender/fed-sender fed-queued/fed-queued \
	    '$(DESTDIR)$(LIBEXECDIR)'
	ln -sfn '$(LIBEXECDIR)/fed-signer' '$(DESTDIR)$(PREFIX)/sbin/fed-signer'
	install -m 644 sql/order sql/*.sql '$(DESTDIR)$(DATADIR)/sql'
	install -m 644 sql/rooms/*.sql '$(DESTDIR)$(DATADIR)/sql/rooms'
	$(if $(MIGRATIONS),install -m 644 $(MIGRATIONS) \
	    '$(DESTDIR)$(DATADIR)/sql/migrations')
	install -m 644 sql/attach/*.sql '$(DESTDIR)$(DATADIR)/sql/attach'
	install -m 644 sql/chat/*.sql '$(DESTDIR)$(DATADIR)/sql/chat'
	for page in man/*.[578]; do install -m 644 $$page \
	    '$(DESTDIR)$(MANDIR)/man'$${page##*.} || exit 1; done
	install -m 644 README.md CHANGES.md LICENSE man/federation.vectors \
	    '$(DESTDIR)$(DOCDIR)'
	install -m 644 etc/fed.conf etc/torrc.snippet \
	    '$(DESTDIR)$(DOCDIR)/examples'
	sed -e 's|/usr/sbin/|$(PREFIX)/sbin/|' -e 's|/etc/|$(SYSCONFDIR)/|' \
	    etc/torfed.service >'$(DESTDIR)$(UNITDIR)/torfed.service'
	chmod 644 '$(DESTDIR)$(UNITDIR)/torfed.service'
	install -m 644 etc/sysusers.conf '$(DESTDIR)$(SYSUSERSDIR)/torfed.conf'
	install -m 644 etc/tmpfiles.conf '$(DESTDIR)$(TMPFILESDIR)/torfed.conf'

##   make format     apply clang-format
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

##   make clean      remove what was built
clean:
	rm -rf build build-asan build-fuzz
	rm -f $(foreach p,$(PROGRAMS),$(p)/$(p))
