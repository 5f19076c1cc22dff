# Segment's own libraries against real mounts.

## make test-sdk   Segment's libraries, from npm, in Node and in Chromium, send to every mount: EVENTS
.PHONY: test-sdk
test-sdk: tests-built
	$(Q)$(DEPS) --missing test sdk >/dev/null || $(DEPS) test sdk
	$(Q)command -v node >/dev/null && command -v npm >/dev/null || $(DEPS) npm
	$(Q)HS_BUILD=$(B) bash tests/lib/run-tests.sh tests/sdk/run.sh

## make bench-sdk   direct intake beside the webhook intake, floods and bombs: ROUNDS, ONLY
.PHONY: bench-sdk
bench-sdk:
	$(Q)$(DEPS) --missing build test bench >/dev/null || $(DEPS) build test bench
	$(Q)$(MAKE) $(PARALLEL) -s all $(B)/bench/load $(B)/bench/profile
	$(Q)HS_BUILD=$(B) bash tests/bench/sdk.sh
