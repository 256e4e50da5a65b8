/*
 * The C twin of our parsers' one call: sends one Notify(a{oa{sa{sv}}}) through sd-bus and waits for the reply.
 * It reads no EEPROM, knows no configuration and checks nothing, so it is a lower bound for what a C program
 * that publishes the same inventory costs.
 *
 * The payload file is written by `cargo xtask bench`. It is laid out so that reading it costs next to nothing:
 * a sequence of items, each one tag byte, a little-endian u32 length, that many bytes, and a NUL which is not
 * counted. Tags: 'O' object path, 'I' interface, 'P' property name; then the property's value by its type:
 * 'b' 'q' 'u' 't' 'x' as 8 bytes little-endian, 's' as text, 'y' as a byte string, 'a' as the number of strings
 * in 8 bytes, each of which follows as an item 's'.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define NAME "xyz.openbmc_project.Inventory.Manager"
#define PATH "/xyz/openbmc_project/inventory"
#define LIMIT_US (10 * 1000 * 1000)

enum { STATUS_DONE = 0, STATUS_USAGE = 64, STATUS_DATA = 65, STATUS_BUS = 75 };

struct item {
    char tag;
    uint32_t length;
    const char *bytes;
};

struct payload {
    const char *next;
    const char *end;
};

static void fail(int status, const char *what, int error)
{
    fprintf(stderr, "notify-twin: %s: %s\n", what, strerror(error < 0 ? -error : error));
    exit(status);
}

static void must(int result, const char *what)
{
    if (result < 0)
        fail(STATUS_BUS, what, result);
}

/* Looks at the next item without taking it; the tag is 0 at the end. */
static struct item peek(const struct payload *payload)
{
    struct item item = {0};
    size_t left = payload->end - payload->next;

    if (left == 0)
        return item;
    if (left >= 6) {
        item.tag = payload->next[0];
        memcpy(&item.length, payload->next + 1, 4);
        item.bytes = payload->next + 5;
    }
    if (left < 6 || item.length > left - 6)
        fail(STATUS_DATA, "payload is cut short", 0);
    return item;
}

static struct item take(struct payload *payload)
{
    struct item item = peek(payload);

    if (item.tag)
        payload->next = item.bytes + item.length + 1;
    return item;
}

static uint64_t number(struct item item)
{
    uint64_t value;

    if (item.length != sizeof(value))
        fail(STATUS_DATA, "number has a wrong length", 0);
    memcpy(&value, item.bytes, sizeof(value));
    return value;
}

static void append_basic(sd_bus_message *message, char type, const void *value)
{
    const char signature[] = {type, 0};

    must(sd_bus_message_open_container(message, 'v', signature), "open variant");
    must(sd_bus_message_append_basic(message, type, value), "append value");
    must(sd_bus_message_close_container(message), "close variant");
}

static void append_texts(sd_bus_message *message, struct payload *payload, uint64_t count)
{
    must(sd_bus_message_open_container(message, 'v', "as"), "open variant");
    must(sd_bus_message_open_container(message, 'a', "s"), "open array");
    while (count--)
        must(sd_bus_message_append_basic(message, 's', take(payload).bytes), "append text");
    must(sd_bus_message_close_container(message), "close array");
    must(sd_bus_message_close_container(message), "close variant");
}

static void append_value(sd_bus_message *message, struct payload *payload)
{
    struct item item = take(payload);
    uint64_t wide = item.tag == 's' || item.tag == 'y' ? 0 : number(item);
    uint32_t word = wide;
    uint16_t half = wide;
    int truth = wide != 0;

    switch (item.tag) {
    case 'b': append_basic(message, 'b', &truth); break;
    case 'q': append_basic(message, 'q', &half); break;
    case 'u': append_basic(message, 'u', &word); break;
    case 't':
    case 'x': append_basic(message, item.tag, &wide); break;
    case 's': append_basic(message, 's', item.bytes); break;
    case 'a': append_texts(message, payload, wide); break;
    case 'y':
        must(sd_bus_message_open_container(message, 'v', "ay"), "open variant");
        must(sd_bus_message_append_array(message, 'y', item.bytes, item.length), "append bytes");
        must(sd_bus_message_close_container(message), "close variant");
        break;
    default: fail(STATUS_DATA, "unknown type in the payload", 0);
    }
}

static void append_properties(sd_bus_message *message, struct payload *payload)
{
    must(sd_bus_message_open_container(message, 'a', "{sv}"), "open properties");
    while (peek(payload).tag == 'P') {
        must(sd_bus_message_open_container(message, 'e', "sv"), "open property");
        must(sd_bus_message_append_basic(message, 's', take(payload).bytes), "append property");
        append_value(message, payload);
        must(sd_bus_message_close_container(message), "close property");
    }
    must(sd_bus_message_close_container(message), "close properties");
}

static void append_interfaces(sd_bus_message *message, struct payload *payload)
{
    must(sd_bus_message_open_container(message, 'a', "{sa{sv}}"), "open interfaces");
    while (peek(payload).tag == 'I') {
        must(sd_bus_message_open_container(message, 'e', "sa{sv}"), "open interface");
        must(sd_bus_message_append_basic(message, 's', take(payload).bytes), "append interface");
        append_properties(message, payload);
        must(sd_bus_message_close_container(message), "close interface");
    }
    must(sd_bus_message_close_container(message), "close interfaces");
}

static void append_objects(sd_bus_message *message, struct payload *payload)
{
    must(sd_bus_message_open_container(message, 'a', "{oa{sa{sv}}}"), "open objects");
    while (peek(payload).tag == 'O') {
        must(sd_bus_message_open_container(message, 'e', "oa{sa{sv}}"), "open object");
        must(sd_bus_message_append_basic(message, 'o', take(payload).bytes), "append object");
        append_interfaces(message, payload);
        must(sd_bus_message_close_container(message), "close object");
    }
    must(sd_bus_message_close_container(message), "close objects");
    if (peek(payload).tag)
        fail(STATUS_DATA, "items out of order in the payload", 0);
}

static struct payload map(const char *path)
{
    struct payload payload = {0};
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || fstat(file, &status) < 0)
        fail(STATUS_DATA, path, 1);
    payload.next = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (payload.next == MAP_FAILED)
        fail(STATUS_DATA, path, 1);
    payload.end = payload.next + status.st_size;
    close(file);
    return payload;
}

static sd_bus *connect_to(const char *address)
{
    sd_bus *bus = NULL;

    must(sd_bus_new(&bus), "allocate bus");
    must(sd_bus_set_address(bus, address), "set address");
    must(sd_bus_set_bus_client(bus, 1), "be a client");
    must(sd_bus_start(bus), "connect");
    return bus;
}

int main(int argc, char **argv)
{
    const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *message = NULL;
    struct payload payload;
    sd_bus *bus;

    if (argc == 4 && strcmp(argv[1], "--address") == 0)
        address = argv[2];
    else if (argc != 2)
        address = NULL;
    if (!address) {
        fprintf(stderr, "usage: notify-twin [--address ADDRESS] PAYLOAD\n");
        return STATUS_USAGE;
    }
    payload = map(argv[argc - 1]);
    bus = connect_to(address);
    must(sd_bus_message_new_method_call(bus, &message, NAME, PATH, NAME, "Notify"), "create call");
    append_objects(message, &payload);
    if (sd_bus_call(bus, message, LIMIT_US, &error, NULL) < 0) {
        fprintf(stderr, "notify-twin: %s: %s\n", error.name, error.message);
        return STATUS_BUS;
    }
    sd_bus_message_unref(message);
    sd_bus_flush_close_unref(bus);
    return STATUS_DONE;
}
