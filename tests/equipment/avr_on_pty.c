/* Runs a microcontroller's real program with its serial line on a pseudo-terminal, and writes what its pins do.

   avr_on_pty ELF MCU LINK PINS [garble=N] [late_ms=N]

   LINK becomes a link to the terminal; PINS gets a line per change: microseconds of the program's own time, what, its
   value. The program's time keeps pace with the wall's but never hurries to catch up. At another speed than the
   program's the line carries nonsense, as a wire does. garble: each Nth byte to the computer has a bit flipped.
   late_ms: what the program says reaches the computer so much later. */

#include <poll.h>
#include <pty.h>
#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MHZ = 16, BAUD = 500000, BYTE_CYCLES = MHZ * 1000000 / BAUD * 10, QUEUE = 65536, LATE_US = 20000, BOOT_BYTES = 10 };

static avr_t *avr;
static FILE *pins;
static int master, is_mega, garble, late_ms;
static uint8_t ports[3], data, queue[QUEUE]; /* of A or D, C; what the code lines carry */
static uint64_t due[QUEUE], n_out, n_sent;

static uint64_t us(void) { return avr->cycle / MHZ; }

static uint64_t wall_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void note(const char *what, int value) { fprintf(pins, "%llu %s %d\n", (unsigned long long)us(), what, value); }

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *name) {
  (void)irq;
  static int valve = 0, strobe = 0;
  int *known = strcmp(name, "valve") ? &strobe : &valve;
  if (*known != (int)value) note(name, *known = value);
}

static void on_port(struct avr_irq_t *irq, uint32_t value, void *which) {
  (void)irq;
  ports[(intptr_t)which] = value;
  uint8_t now = is_mega ? ports[0] : (ports[1] >> 2) | (ports[2] << 6);
  if (now != data) note("data", data = now);
}

static int is_wrong_speed(void) {
  struct termios line;
  return tcgetattr(master, &line) == 0 && cfgetospeed(&line) != B500000;
}

static void on_output(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)param;
  uint8_t byte = is_wrong_speed() ? (uint8_t)(value * 37 + 11) : value;
  if (garble && n_out % garble == (unsigned)garble - 1) byte ^= 0x10;
  queue[n_out % QUEUE] = byte;
  due[n_out++ % QUEUE] = wall_us() + late_ms * 1000ull;
}

static void pass_on(void) {
  while (n_sent < n_out && due[n_sent % QUEUE] <= wall_us())
    if (write(master, &queue[n_sent % QUEUE], 1) == 1) n_sent++;
    else break; /* nobody reads */
}

static void no_sleep(avr_t *unused, avr_cycle_count_t how_long) {
  (void)unused;
  (void)how_long;
}

static void wire(char port, int pin, const char *name) {
  avr_irq_t *irq = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), pin);
  avr_irq_register_notify(irq, on_pin, (void *)name);
}

static void wire_port(char port, intptr_t which) {
  avr_irq_t *irq = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), IOPORT_IRQ_PIN_ALL);
  avr_irq_register_notify(irq, on_port, (void *)which);
}

static void wire_all(void) {
  wire('B', is_mega ? 5 : 1, "valve");
  wire(is_mega ? 'C' : 'B', is_mega ? 7 : 0, "strobe");
  if (is_mega) {
    wire_port('A', 0);
  } else {
    wire_port('D', 1);
    wire_port('C', 2);
  }
  /* Else a low line of an interrupt that nobody uses is looked at each cycle: ten times slower than the wall's time. */
  for (uint8_t number = 0; number < (is_mega ? 8 : 2); number++) avr_extint_set_strict_lvl_trig(avr, number, 0);
  uint32_t no_flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &no_flags); /* else it prints what the program says */
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_output, NULL);
}

static void run(void) {
  avr_irq_t *input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  uint8_t heard[256];
  ssize_t n = 0, taken = 0;
  int is_ready = 0, is_nonsense = 0;
  avr_cycle_count_t free_at = 0;
  uint64_t ahead = wall_us(); /* the wall's time minus the program's */
  for (;;) {
    int state = avr_run(avr);
    if (state == cpu_Done || state == cpu_Crashed) exit(3);
    if (avr->cycle < free_at && free_at - avr->cycle > BYTE_CYCLES) free_at = ahead = wall_us() - us(); /* a reset */
    pass_on();
    if (!is_ready && n_out >= BOOT_BYTES) {
      is_ready = puts("ready") >= 0;
      fflush(stdout);
    }
    if (taken == n) {
      struct pollfd line = {master, POLLIN, 0};
      uint64_t wall = wall_us(), own = us() + ahead;
      if (wall > own + LATE_US) ahead += wall - own;
      int wait_ms = own > wall + 1000 ? (own - wall) / 1000 : 0;
      taken = n = 0;
      if (poll(&line, 1, wait_ms) > 0 && (n = read(master, heard, sizeof heard)) < 0) n = 0;
      is_nonsense = is_wrong_speed();
    }
    if (taken < n && avr->cycle >= free_at) {
      uint32_t byte = heard[taken++];
      free_at = avr->cycle + BYTE_CYCLES;
      if (is_nonsense) note("nonsense", byte);
      avr_raise_irq(input, is_nonsense ? (uint8_t)(byte * 37 + 11) | UART_INPUT_FE : byte);
    }
  }
}

int main(int argc, char *argv[]) {
  if (argc < 5) return 2;
  for (int i = 5; i < argc; i++) {
    sscanf(argv[i], "garble=%d", &garble);
    sscanf(argv[i], "late_ms=%d", &late_ms);
  }
  int slave;
  char name[256];
  struct termios raw;
  if (openpty(&master, &slave, name, NULL, NULL)) return 1;
  tcgetattr(slave, &raw); /* the slave stays open here: a line that the computer closed is not gone */
  cfmakeraw(&raw);
  cfsetspeed(&raw, B500000);
  tcsetattr(slave, TCSANOW, &raw);
  if (!(pins = fopen(argv[4], "w"))) return 1;
  setvbuf(pins, NULL, _IOLBF, 0);

  elf_firmware_t program = {0};
  if (elf_read_firmware(argv[1], &program)) return 1;
  is_mega = strcmp(argv[2], "atmega2560") == 0;
  if (!(avr = avr_make_mcu_by_name(argv[2]))) return 1;
  avr_init(avr);
  avr->frequency = MHZ * 1000000;
  avr->log = LOG_ERROR;
  avr->sleep = no_sleep;
  program.frequency = avr->frequency;
  avr_load_firmware(avr, &program);
  wire_all();
  unlink(argv[3]);
  if (symlink(name, argv[3])) return 1;
  run();
}
