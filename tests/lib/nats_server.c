#include "tests/lib/nats_server.h"
#include "base/io.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct nats nats;

static pid_t start(char *const argv[], int *out)
{
	int pipes[2];
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(out != NULL ? pipes[1] : null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pipes[1]);
	if (out != NULL)
		*out = pipes[0];
	else
		close(pipes[0]);
	return pid;
}

static void end(pid_t *pid, int number)
{
	if (*pid > 0) {
		kill(*pid, number);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static bool read_port(const char *folder, const char *name, int *port)
{
	char path[256], text[1024] = "", *at;
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = '\0';
	close(fd);
	at = strstr(text, "://127.0.0.1:");
	if (at == NULL)
		return false;
	*port = atoi(at + 13);
	return *port > 0;
}

/* Starts nats-server, the second time on the port that it had, and waits for its port. */
void nats_start(const char *more)
{
	char command[512], ports[64];
	char *argv[] = { "sh", "-c", command, NULL };

	snprintf(command, sizeof command,
	         "exec nats-server -a 127.0.0.1 -p %d --ports_file_dir %s -js -sd %s/store -c %s/server.conf",
	         nats.port > 0 ? nats.port : -1, nats.folder, nats.folder, nats.folder);
	if (more != NULL) {
		char path[128];
		int fd;

		snprintf(path, sizeof path, "%s/server.conf", nats.folder);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_true(fd >= 0 && write(fd, more, strlen(more)) == (ssize_t)strlen(more));
		close(fd);
	}
	nats.server = start(argv, NULL);
	snprintf(ports, sizeof ports, "nats-server_%d.ports", (int)nats.server);
	for (int64_t until = hs_io_now_monotonic() + PATIENCE_MS; !read_port(nats.folder, ports, &nats.port);
	     hs_io_pause(10))
		assert_true(hs_io_now_monotonic() < until && waitpid(nats.server, NULL, WNOHANG) == 0);
}

/* Starts the scripted server with these arguments, with blanks between. */
void nats_fake_start(const char *arguments)
{
	char command[8192], port[16] = "";
	char *argv[] = { "sh", "-c", command, NULL };
	size_t n = 0;
	int out;

	end(&nats.fake, SIGKILL);
	snprintf(command, sizeof command, "exec python3 -S -E tests/lib/fake_nats.py %s", arguments);
	nats.fake = start(argv, &out);
	while (strchr(port, '\n') == NULL) {
		ssize_t got = read(out, port + n, sizeof port - 1 - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	close(out);
	nats.fake_port = atoi(port);
	assert_true(nats.fake_port > 0);
}

void nats_kill(void)
{
	end(&nats.server, SIGKILL);
}

void nats_fake_end(void)
{
	end(&nats.fake, SIGKILL);
}

bool nats_is_here(void)
{
	return access("/usr/sbin/nats-server", X_OK) == 0 || access("/usr/bin/nats-server", X_OK) == 0;
}

int nats_begin(void **state)
{
	(void)state;
	nats = (struct nats){ 0 };
	snprintf(nats.folder, sizeof nats.folder, "/tmp/hookspool-nats.XXXXXX");
	return mkdtemp(nats.folder) != NULL ? 0 : -1;
}

int nats_end(void **state)
{
	char command[128];

	(void)state;
	nats_kill();
	nats_fake_end();
	snprintf(command, sizeof command, "rm -rf '%s'", nats.folder);
	return system(command) == 0 ? 0 : -1;
}
