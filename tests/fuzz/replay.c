/* SPDX-License-Identifier: ISC */
/*
 * Runs a fuzzer's function over kept inputs, without libFuzzer: one TAP test
 * for each folder given, by default the one that belongs to the program's name
 * (NAME_replay: tests/fuzz/corpus/NAME). A child does the work, so that a
 * crash fails its test and names the file.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_MAX (1024 * 1024) /* bytes of a file */
#define CORPUS	  "tests/fuzz/corpus/"
#define SUFFIX	  "_replay"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Shared with the child. */
struct progress {
	unsigned int files;
	char file[NAME_MAX + 1]; /* under way */
};

/* Memory of the exact size, so that ASan sees a look beyond. */
static int
replay_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	size_t length;
	uint8_t *input;
	FILE *file;

	if ((file = fopen(path, "rb")) == NULL)
		return -1;
	length = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	if (length == sizeof(buf) || (input = malloc(length + 1)) == NULL)
		return -1;
	memcpy(input + 1, buf, length);
	LLVMFuzzerTestOneInput(input + 1, length);
	free(input);
	return 0;
}

static int
replay_folder(const char *folder, struct progress *progress)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *stream;

	if ((stream = opendir(folder)) == NULL)
		return 1;
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(progress->file, sizeof(progress->file), "%s",
		    entry->d_name);
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (replay_file(path) == -1)
			break;
		progress->files++;
	}
	closedir(stream);
	return entry != NULL || progress->files == 0;
}

/* 0 when all files were taken, else 1. */
static int
replay_test(unsigned int number, const char *folder, struct progress *progress)
{
	pid_t pid;
	int status;

	memset(progress, 0, sizeof(*progress));
	fflush(stdout);
	if ((pid = fork()) == 0)
		exit(replay_folder(folder, progress));
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		status = -1;
	printf("%sok %u - %s: %u files\n", status == 0 ? "" : "not ", number,
	    folder, progress->files);
	if (status != 0)
		printf("# status %d at file '%s'\n", status, progress->file);
	return status != 0;
}

/* The folder that belongs to a program's name. */
static int
folder_find(char *folder, size_t size, const char *program)
{
	const char *name = strrchr(program, '/');
	size_t length;

	name = name == NULL ? program : name + 1;
	length = strlen(name);
	if (length <= strlen(SUFFIX) ||
	    strcmp(name + length - strlen(SUFFIX), SUFFIX) != 0)
		return -1;
	snprintf(
	    folder, size, CORPUS "%.*s", (int)(length - strlen(SUFFIX)), name);
	return 0;
}

int
main(int argc, char **argv)
{
	struct progress *progress;
	char folder[PATH_MAX];
	int i, failed = 0;

	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		return 1;
	if (argc > 1) {
		printf("1..%d\n", argc - 1);
		for (i = 1; i < argc; i++)
			failed |=
			    replay_test((unsigned int)i, argv[i], progress);
		return failed;
	}
	if (folder_find(folder, sizeof(folder), argv[0]) == -1) {
		fprintf(stderr, "usage: NAME" SUFFIX " [folder ...]\n");
		return 64;
	}
	printf("1..1\n");
	return replay_test(1, folder, progress);
}
