/* The clients of the benchmark: a closed loop over keep-alive connections, one process, one epoll loop.
 *
 *     load plain  PORT PATH KEYS BODY CONNECTIONS SECONDS
 *     load stream PORT PATH KEYS BODY CONNECTIONS SECONDS IDEAL_MS
 *
 * KEYS is a file of one credential per line, used in turn; BODY a file with the request; LOAD_HEADERS in the
 * environment more header lines. Every connection sends its next request as soon as the last answer is whole. When
 * the time is over, running answers are read to their end.
 * Streams: IDEAL_MS is how long one lasts by itself, and the first ones begin spread over it, as people's do; the
 * delay of a chunk is the time since the stamp in its text.
 * Prints one JSON object; times are in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STAMP_DIGITS 16
#define HEAD_ROOM 2048

typedef struct {
    int fd, status, is_chunked, is_busy;
    long began_us, first_us;
    long body_left; /* of a plain answer; -1 while its head is not whole */
    size_t size;
    char in[16384]; /* the head, then only the tail that a stamp or an end may straddle */
} Connection;

typedef struct {
    long *values;
    size_t count, room;
} Samples;

static Connection *connections;
static int epoll, is_stream, port, last_status;
static char **keys, *path, *body;
static const char *more_headers = "";
static size_t key_count, next_key, body_size;
static long requests, failures, chunks, streamed_us, deadline;
static int running;
static Samples times, firsts, delays;

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void note(Samples *into, long value) {
    if (into->count == into->room) {
        into->room = into->room * 2 + 4096;
        into->values = realloc(into->values, into->room * sizeof(long));
    }
    into->values[into->count++] = value;
}

static int by_size(const void *a, const void *b) {
    long left = *(const long *)a, right = *(const long *)b;
    return (left > right) - (left < right);
}

static long percentile(Samples *of, double share) {
    if (!of->count) return 0;
    size_t at = (size_t)(share * (of->count - 1) + 0.5);
    return of->values[at];
}

static char *whole_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    if (!file) {
        perror(name);
        exit(2);
    }
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    char *text = malloc(*size + 1);
    *size = fread(text, 1, *size, file);
    text[*size] = 0;
    fclose(file);
    return text;
}

static void dial(Connection *one) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(one->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("load: connect");
        exit(1);
    }
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event);
}

static void ask(Connection *one) {
    static char *text;
    const char *key = keys[next_key++ % key_count];
    if (!text) text = malloc(body_size + HEAD_ROOM);
    int size = snprintf(text, HEAD_ROOM,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                        "Authorization: Bearer %s\r\nContent-Length: %zu\r\n%s\r\n",
                        path, port, key, body_size, more_headers);
    memcpy(text + size, body, body_size);
    size_t whole = size + body_size, sent = 0;
    one->began_us = now_us();
    while (sent < whole) {
        ssize_t more = send(one->fd, text + sent, whole - sent, MSG_NOSIGNAL);
        if (more < 0) break; /* the answer, or its absence, is noticed when reading */
        sent += more;
    }
    if (!one->is_busy) running++;
    one->is_busy = 1;
    one->size = 0;
    one->first_us = 0;
    one->body_left = -1;
}

static void finish(Connection *one, int is_good) {
    long now = now_us();
    if (is_good && one->status == 200) {
        requests++;
        note(&times, now - one->began_us);
        if (is_stream) streamed_us += now - one->began_us;
    } else {
        failures++;
        last_status = one->status;
    }
    one->is_busy = 0;
    running--;
    if (now < deadline) ask(one);
}

static void start_again(Connection *one) {
    close(one->fd);
    dial(one);
    if (one->is_busy) finish(one, 0);
}

/* True once the head is whole; what follows it is moved to the front. */
static int read_head(Connection *one) {
    one->in[one->size] = 0;
    char *end = memmem(one->in, one->size, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    one->status = atoi(one->in + 9);
    char *length = strcasestr(one->in, "\r\ncontent-length:");
    one->is_chunked = !length;
    one->body_left = length ? strtol(length + 17, NULL, 10) : 0;
    size_t head = end + 4 - one->in;
    one->size -= head;
    memmove(one->in, end + 4, one->size);
    return 1;
}

/* Every stamp that is there whole; keeps as many bytes as one may straddle. */
static void read_stamps(Connection *one) {
    long now = now_us();
    char *at = one->in, *end = one->in + one->size;
    while ((at = memmem(at, end - at, "@@", 2)) && end - at >= 2 + STAMP_DIGITS) {
        char digits[STAMP_DIGITS + 1] = {0};
        memcpy(digits, at + 2, STAMP_DIGITS);
        if (!one->first_us) note(&firsts, (one->first_us = now) - one->began_us);
        note(&delays, now - strtol(digits, NULL, 10));
        chunks++;
        at += 2 + STAMP_DIGITS;
        memset(at - 2 - STAMP_DIGITS, '-', 2);
    }
    size_t kept = one->size < 24 ? one->size : 24;
    memmove(one->in, end - kept, kept);
    one->size = kept;
}

static void read_more(Connection *one) {
    ssize_t size = recv(one->fd, one->in + one->size, sizeof one->in - one->size - 1, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        start_again(one);
        return;
    }
    one->size += size;
    if (one->body_left < 0 && !read_head(one)) return;
    if (!one->is_chunked) {
        one->body_left -= one->size;
        one->size = 0;
        if (one->body_left <= 0) finish(one, 1);
        return;
    }
    int is_over = one->size >= 5 && !memcmp(one->in + one->size - 5, "0\r\n\r\n", 5);
    read_stamps(one);
    if (is_over) finish(one, 1);
}

static void report(const Samples *of, const char *name) {
    printf(", \"%s_p50\": %ld, \"%s_p99\": %ld", name, percentile((Samples *)of, 0.5), name,
           percentile((Samples *)of, 0.99));
}

int main(int count, char **words) {
    if (count < 8) return 2;
    signal(SIGPIPE, SIG_IGN);
    is_stream = !strcmp(words[1], "stream");
    port = atoi(words[2]);
    path = words[3];
    size_t size;
    char *text = whole_file(words[4], &size);
    keys = malloc(sizeof(char *) * (size / 2 + 2));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) keys[key_count++] = line;
    body = whole_file(words[5], &body_size);
    if (getenv("LOAD_HEADERS")) more_headers = getenv("LOAD_HEADERS");
    int wanted = atoi(words[6]);
    double seconds = atof(words[7]), ideal_ms = count > 8 ? atof(words[8]) : 0;
    epoll = epoll_create1(0);
    connections = calloc(wanted, sizeof(Connection));
    for (int i = 0; i < wanted; i++) dial(&connections[i]);
    long began = now_us();
    deadline = began + (long)(seconds * 1e6);
    struct epoll_event events[256];
    long patience = deadline + 30000000, apart_us = ideal_ms * 1e3 / wanted;
    int asked = 0;
    while ((running || asked < wanted) && now_us() < patience) {
        for (; asked < wanted && now_us() >= began + asked * apart_us; asked++) ask(&connections[asked]);
        int ready = epoll_wait(epoll, events, 256, asked < wanted ? 1 : 1000);
        for (int i = 0; i < ready; i++) read_more(events[i].data.ptr);
    }
    double took = (now_us() - began) / 1e6;
    Samples *all[] = {&times, &firsts, &delays};
    for (int i = 0; i < 3; i++) qsort(all[i]->values, all[i]->count, sizeof(long), by_size);
    printf("{\"requests\": %ld, \"failures\": %ld, \"last_status\": %d, \"unanswered\": %d, \"seconds\": %.6f",
           requests, failures, last_status, running, took);
    report(&times, "total");
    if (is_stream) {
        printf(", \"chunks\": %ld, \"kept\": %.4f", chunks,
               streamed_us ? ideal_ms * 1e3 * requests / streamed_us : 0.0);
        report(&firsts, "first");
        report(&delays, "delay");
    }
    puts("}");
    return 0;
}
