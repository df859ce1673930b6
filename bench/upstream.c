/* The provider of the benchmark: one process, one epoll loop, three formats, plain and streamed.
 *
 *     upstream PORT [CHUNKS GAP_MS]
 *
 * It reads a request whole by its Content-Length, answers by its path, and streams where the body says "stream":true.
 * How a stream goes may stand in the prompt, which every gateway passes on: "bench:64x20" is 64 chunks, 20 ms apart
 * (a gap of 0 sends them as fast as the socket takes them). Each chunk's text carries the time at which it was sent:
 * "@@" and 16 digits, microseconds of the machine's monotonic clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

enum { CHAT, MESSAGES, RESPONSES };

#define MAX_CONNECTIONS 8192
#define MAX_REQUEST (8 << 20)

typedef struct {
    int fd, wire, chunks_left, sequence, gap_us;
    char *in;
    size_t in_size, in_room;
    char *out; /* what the socket did not take yet */
    size_t out_size, out_sent, out_room;
    long due_us;
    int heap_at; /* place in the timer heap, -1 when not waiting */
} Connection;

static Connection *connections[MAX_CONNECTIONS];
static Connection *heap[MAX_CONNECTIONS];
static int heap_size, epoll, default_chunks = 64, default_gap_us = 20000;

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* --- timers: a binary heap by due time -------------------------------------------------------------------- */

static void place(Connection *one, int at) {
    heap[at] = one;
    one->heap_at = at;
}

static void sift(int at) {
    Connection *one = heap[at];
    while (at > 0 && heap[(at - 1) / 2]->due_us > one->due_us) {
        place(heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    for (;;) {
        int child = 2 * at + 1;
        if (child >= heap_size) break;
        if (child + 1 < heap_size && heap[child + 1]->due_us < heap[child]->due_us) child++;
        if (heap[child]->due_us >= one->due_us) break;
        place(heap[child], at);
        at = child;
    }
    place(one, at);
}

static void wait_until(Connection *one, long due_us) {
    one->due_us = due_us;
    if (one->heap_at < 0) place(one, heap_size++);
    sift(one->heap_at);
}

static void forget_timer(Connection *one) {
    int at = one->heap_at;
    if (at < 0) return;
    one->heap_at = -1;
    Connection *last = heap[--heap_size];
    if (last != one) {
        place(last, at);
        sift(at);
    }
}

/* --- connections ------------------------------------------------------------------------------------------- */

static void drop(Connection *one) {
    forget_timer(one);
    connections[one->fd] = NULL;
    close(one->fd);
    free(one->in);
    free(one->out);
    free(one);
}

static void watch(Connection *one, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.fd = one->fd};
    epoll_ctl(epoll, how, one->fd, &event);
}

/* False when the other side is gone; the connection is dropped then. */
static int put(Connection *one, const char *text, size_t size) {
    ssize_t sent = 0;
    if (one->out_size == 0) {
        sent = send(one->fd, text, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            drop(one);
            return 0;
        }
        if (sent < 0) sent = 0;
        if ((size_t)sent == size) return 1;
    }
    size_t rest = size - sent;
    if (one->out_size + rest > one->out_room) {
        one->out_room = (one->out_size + rest) * 2;
        one->out = realloc(one->out, one->out_room);
    }
    memcpy(one->out + one->out_size, text + sent, rest);
    one->out_size += rest;
    watch(one, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    return 1;
}

static void flush(Connection *one) {
    ssize_t sent = send(one->fd, one->out + one->out_sent, one->out_size - one->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        drop(one);
        return;
    }
    if (sent > 0) one->out_sent += sent;
    if (one->out_sent == one->out_size) {
        one->out_size = one->out_sent = 0;
        watch(one, EPOLLIN, EPOLL_CTL_MOD);
    }
}

/* --- the three formats -------------------------------------------------------------------------------------- */

#define WORDS "The quick brown fox jumps over the lazy dog near the quiet river bank at dawn."

static const char *plain_bodies[] = {
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":\"gpt-5-mini\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" WORDS " " WORDS "\","
    "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":36,\"total_tokens\":67,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}",
    "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-6\","
    "\"content\":[{\"type\":\"text\",\"text\":\"" WORDS " " WORDS "\"}],\"stop_reason\":\"end_turn\","
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":31,\"cache_creation_input_tokens\":0,"
    "\"cache_read_input_tokens\":0,\"output_tokens\":36}}",
    "{\"id\":\"resp_bench\",\"object\":\"response\",\"created_at\":1764000000,\"status\":\"completed\","
    "\"model\":\"codex-1\",\"error\":null,\"incomplete_details\":null,\"output\":[{\"id\":\"msg_bench\","
    "\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\","
    "\"text\":\"" WORDS " " WORDS "\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":31,"
    "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":36,"
    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":67}}",
};

static const char *beginnings[] = {
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
    "\"model\":\"gpt-5-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}],\"usage\":null}\n\n",
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\","
    "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-6\",\"content\":[],\"stop_reason\":null,"
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":31,\"cache_creation_input_tokens\":0,"
    "\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{"
    "\"id\":\"resp_bench\",\"object\":\"response\",\"created_at\":1764000000,\"status\":\"in_progress\","
    "\"model\":\"codex-1\",\"error\":null,\"output\":[],\"usage\":null}}\n\n"
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,"
    "\"output_index\":0,\"item\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\","
    "\"status\":\"in_progress\",\"content\":[]}}\n\n"
    "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,"
    "\"item_id\":\"msg_bench\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\","
    "\"text\":\"\",\"annotations\":[]}}\n\n",
};

static const char *endings[] = {
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
    "\"model\":\"gpt-5-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
    "\"model\":\"gpt-5-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":64,"
    "\"total_tokens\":95,\"prompt_tokens_details\":{\"cached_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\ndata: [DONE]\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":64}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":100,\"response\":{"
    "\"id\":\"resp_bench\",\"object\":\"response\",\"created_at\":1764000000,\"status\":\"completed\","
    "\"model\":\"codex-1\",\"error\":null,\"incomplete_details\":null,\"output\":[{\"id\":\"msg_bench\","
    "\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\","
    "\"text\":\"done\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":31,"
    "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":64,"
    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":95}}}\n\n",
};

static int event_text(Connection *one, char *into, size_t room) {
    long stamp = now_us();
    switch (one->wire) {
    case CHAT:
        return snprintf(into, room,
                        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
                        "\"model\":\"gpt-5-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@@%016ld \"},"
                        "\"finish_reason\":null}],\"usage\":null}\n\n",
                        stamp);
    case MESSAGES:
        return snprintf(into, room,
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                        "\"delta\":{\"type\":\"text_delta\",\"text\":\"@@%016ld \"}}\n\n",
                        stamp);
    default:
        return snprintf(into, room,
                        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
                        "\"sequence_number\":%d,\"item_id\":\"msg_bench\",\"output_index\":0,\"content_index\":0,"
                        "\"delta\":\"@@%016ld \"}\n\n",
                        one->sequence + 3, stamp);
    }
}

static int put_chunk(Connection *one, const char *text, size_t size) {
    static char framed[65536];
    int length = snprintf(framed, 32, "%zx\r\n", size);
    memcpy(framed + length, text, size);
    memcpy(framed + length + size, "\r\n", 2);
    return put(one, framed, length + size + 2);
}

/* The next chunks of a stream: one, or all of them where there is no gap. */
static void go_on(Connection *one) {
    char text[2048];
    do {
        if (one->chunks_left == 0) {
            if (put_chunk(one, endings[one->wire], strlen(endings[one->wire]))) put(one, "0\r\n\r\n", 5);
            return;
        }
        int size = event_text(one, text, sizeof text);
        one->chunks_left--;
        one->sequence++;
        if (!put_chunk(one, text, size)) return;
    } while (one->gap_us == 0);
    wait_until(one, one->due_us + one->gap_us);
}

static void answer(Connection *one, const char *head, const char *body) {
    one->wire = memmem(head, body - head, "/messages", 9)    ? MESSAGES
                : memmem(head, body - head, "/responses", 10) ? RESPONSES
                                                              : CHAT;
    const char *stream = strstr(body, "\"stream\"");
    if (stream) {
        stream += strspn(stream + 8, ": ") + 8;
    }
    if (!stream || strncmp(stream, "true", 4)) {
        char text[4096];
        const char *plain = plain_bodies[one->wire];
        int size = snprintf(text, sizeof text,
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(plain), plain);
        put(one, text, size);
        return;
    }
    const char *wish = strstr(body, "bench:");
    int gap_ms = default_gap_us / 1000;
    one->chunks_left = default_chunks;
    if (wish) sscanf(wish, "bench:%dx%d", &one->chunks_left, &gap_ms);
    one->gap_us = gap_ms * 1000;
    one->sequence = 0;
    const char *start = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (!put(one, start, strlen(start))) return;
    if (!put_chunk(one, beginnings[one->wire], strlen(beginnings[one->wire]))) return;
    one->due_us = now_us();
    go_on(one);
}

/* Every request that is there whole. */
static void take(Connection *one) {
    int fd = one->fd;
    while (connections[fd] == one) {
        one->in[one->in_size] = 0;
        char *end = memmem(one->in, one->in_size, "\r\n\r\n", 4);
        if (!end) return;
        char *body = end + 4;
        size_t length = 0;
        for (char *line = one->in; line && line < end; line = strstr(line, "\r\n")) {
            line += line == one->in ? 0 : 2;
            if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
            if (line == one->in) line++;
        }
        size_t whole = body - one->in + length;
        if (one->in_size < whole) return;
        char after = one->in[whole];
        one->in[whole] = 0;
        answer(one, one->in, body);
        if (connections[fd] != one) return;
        one->in[whole] = after;
        memmove(one->in, one->in + whole, one->in_size - whole);
        one->in_size -= whole;
    }
}

static void read_more(Connection *one) {
    for (;;) {
        if (one->in_room - one->in_size < 16384) {
            one->in_room = one->in_room * 2 + 32768;
            if (one->in_room > MAX_REQUEST) {
                drop(one);
                return;
            }
            one->in = realloc(one->in, one->in_room);
        }
        ssize_t size = recv(one->fd, one->in + one->in_size, one->in_room - one->in_size - 1, 0);
        if (size <= 0) {
            if (size == 0 || errno != EAGAIN) drop(one);
            else take(one);
            return;
        }
        one->in_size += size;
        if (one->in_size < one->in_room - 1) {
            take(one);
            return;
        }
    }
}

static void welcome(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0) return;
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Connection *one = calloc(1, sizeof *one);
        one->fd = fd;
        one->heap_at = -1;
        connections[fd] = one;
        watch(one, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int main(int count, char **words) {
    if (count < 2) return 2;
    if (count > 2) default_chunks = atoi(words[2]);
    if (count > 3) default_gap_us = atoi(words[3]) * 1000;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("upstream");
        return 1;
    }
    epoll = epoll_create1(0);
    struct epoll_event listening = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
    puts("ready");
    fflush(stdout);
    struct epoll_event events[256];
    for (;;) {
        int timeout = -1;
        if (heap_size) {
            long left = heap[0]->due_us - now_us();
            timeout = left <= 0 ? 0 : (left + 999) / 1000;
        }
        int ready = epoll_wait(epoll, events, 256, timeout);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                welcome(listener);
                continue;
            }
            Connection *one = connections[fd];
            if (one && events[i].events & EPOLLOUT) flush(one);
            if (connections[fd] == one && one && events[i].events & ~EPOLLOUT) read_more(one);
        }
        long now = now_us();
        while (heap_size && heap[0]->due_us <= now) {
            Connection *one = heap[0];
            forget_timer(one);
            go_on(one);
        }
    }
}
