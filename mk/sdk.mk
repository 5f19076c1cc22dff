# Segment's own libraries against real mounts.

## make test-sdk   Segment's libraries from npm, in Node and in Chromium, send to every mount: EVENTS
.PHONY: test-sdk
test-sdk: tests-built
	$(Q)$(DEPS) --missing sdk >/dev/null || $(DEPS) sdk
	$(Q)HS_BUILD=$(B) bash tests/sdk/run.sh
