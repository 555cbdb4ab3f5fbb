/* Firmware of the rig's microcontroller: opens the reward valve for a time, and strobes digital codes.

   The valve hangs on the compare output of timer 1: once open, the hardware closes it after its time, whether the
   program runs, hangs, or is spoken to by nobody. A watchdog resets a program that hangs; a reset lets go of every
   pin, and the resistor at the valve's driver holds it closed. The frames are told of in docs/firmware.md. */

#include "board.h"

#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stdbool.h>
#include <util/atomic.h>
#include <util/crc16.h>
#include <util/delay.h>

#define PROTOCOL 1
#define VERSION 1

#ifndef BAUD
#define BAUD 500000UL /* divides 16 MHz without a rest; 115200 does not (2.1 % off) */
#endif
#ifndef LARGEST_MS
#define LARGEST_MS 1000UL /* nobody is given more at once, whatever the computer asks for */
#endif
#define GAP_MS 5        /* a frame whose next byte does not come within is forgotten */
#define SETTLE_US 10    /* data lines before and after the strobe */
#define STROBE_US 100   /* three samples of a recorder's digital input at 30 kHz */

/* Tenths of a millisecond in periods of 256 cycles, which are 16 us; rounded. */
#define TENTHS_TO_TICKS(tenths) ((uint16_t)(((uint32_t)(tenths) * 25 + 2) / 4))
#define TICKS_TO_TENTHS(ticks) ((uint16_t)(((uint32_t)(ticks) * 4 + 12) / 25))

_Static_assert(LARGEST_MS <= 1048, "timer 1 counts to 65,536 periods of 16 us");
_Static_assert(F_CPU / 16 % BAUD == 0, "the line's speed must divide the clock");

enum { SYNC = 0xA5, FRAME = 10, PAYLOAD = 5 }; /* sync, type, sequence, five bytes, CRC low and high */

enum type {
  HELLO = 0x01,
  STATUS = 0x02,
  GIVE = 0x03,
  CODE = 0x04,
  SHUT = 0x05,
  HANG = 0x06,
  BOOTED = 0xC1,
  CLOSED = 0xC3,
  REFUSED = 0xEE,
  ANSWER = 0x80 /* set in the answer to a frame */
};

enum reason { BAD_CRC = 1, UNKNOWN = 2, BUSY = 3, TOO_LONG = 4, NO_KEY = 5 };

static uint8_t reset_cause __attribute__((section(".noinit")));

/* Before anything else: after a reset by the watchdog it runs on, at its shortest time. */
void keep_reset_cause(void) __attribute__((naked, used, section(".init3")));
void keep_reset_cause(void) {
  reset_cause = MCUSR;
  MCUSR = 0;
  wdt_disable();
}

/* ---- time: a tick a millisecond ---- */

static volatile uint8_t now_ms;

ISR(TIMER0_COMPA_vect) { now_ms++; }

static void start_time(void) {
  TCCR0A = _BV(WGM01);
  OCR0A = F_CPU / 64 / 1000 - 1;
  TIMSK0 = _BV(OCIE0A);
  TCCR0B = _BV(CS01) | _BV(CS00);
}

/* ---- the serial line: a ring each way, filled and emptied by interrupts ---- */

enum { RING = 64 };

static volatile uint8_t in[RING], in_head, in_tail, heard_ms, out[RING], out_head, out_tail;
static volatile bool is_broken; /* a byte was no byte, or came too soon after another */

ISR(USART0_OR_ONLY_RX) {
  uint8_t state = UCSR0A, byte = UDR0;
  uint8_t next = (in_head + 1) % RING;
  heard_ms = now_ms;
  if (state & (_BV(FE0) | _BV(DOR0)) || next == in_tail) is_broken = true;
  if (next == in_tail) return;
  in[in_head] = byte;
  in_head = next;
}

ISR(USART0_OR_ONLY_UDRE) {
  if (out_tail == out_head) {
    UCSR0B &= ~_BV(UDRIE0);
  } else {
    UDR0 = out[out_tail];
    out_tail = (out_tail + 1) % RING;
  }
}

static void start_line(void) {
  UBRR0 = F_CPU / 16 / BAUD - 1;
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00); /* eight bits, no parity, one stop bit */
  UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

static void put(uint8_t byte) {
  uint8_t next = (out_head + 1) % RING;
  while (next == out_tail) {} /* at most one frame's time: the interrupt empties it */
  out[out_head] = byte;
  out_head = next;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { UCSR0B |= _BV(UDRIE0); }
}

/* ---- frames ---- */

static uint8_t frame[FRAME], n_bytes, n_bad;

/* CRC-16 of type, sequence and payload: polynomial 0x1021, begun with 0xFFFF, not reflected. */
static uint16_t crc_of(const uint8_t *body) {
  uint16_t crc = 0xFFFF;
  for (uint8_t i = 0; i < 2 + PAYLOAD; i++) crc = _crc_xmodem_update(crc, body[i]);
  return crc;
}

static void say(uint8_t type, uint8_t sequence, const uint8_t payload[PAYLOAD]) {
  uint8_t body[2 + PAYLOAD] = {type, sequence};
  for (uint8_t i = 0; i < PAYLOAD; i++) body[2 + i] = payload[i];
  uint16_t crc = crc_of(body);
  put(SYNC);
  for (uint8_t i = 0; i < sizeof body; i++) put(body[i]);
  put((uint8_t)crc);
  put((uint8_t)(crc >> 8));
}

static void refuse(uint8_t type, uint8_t sequence, enum reason reason) {
  say(REFUSED, sequence, (uint8_t[PAYLOAD]){type, reason});
}

static void say_version(uint8_t type, uint8_t sequence) {
  say(type, sequence, (uint8_t[PAYLOAD]){PROTOCOL, VERSION, BOARD, reset_cause, LARGEST_MS / 10});
}

/* ---- the valve ---- */

static volatile bool is_open, has_closed, was_shut;
static volatile uint16_t open_ticks;
static uint16_t n_openings;
static uint8_t giving;

static void open_valve(uint16_t ticks) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    TCCR1B = 0;
    TCNT1 = 0;
    OCR1A = ticks - 1;
    GTCCR = _BV(PSRSYNC);
    TIFR1 = _BV(OCF1A);
    TIMSK1 = _BV(OCIE1A);
    is_open = true;
    n_openings++;
    VALVE_PORT |= _BV(VALVE_BIT);
    TCCR1A = _BV(COM1A1) | _BV(COM1A0); /* a match sets the output ... */
    TCCR1C = _BV(FOC1A);                /* ... and this is one */
    TCCR1A = _BV(COM1A1);               /* the next one, when the time is over, clears it */
    TCCR1B = _BV(CS12);                 /* a period is 256 cycles */
  }
}

static void close_valve(uint16_t ticks) {
  TCCR1B = 0;
  VALVE_PORT &= ~_BV(VALVE_BIT);
  TCCR1A = 0;
  TIMSK1 = 0;
  open_ticks = ticks;
  is_open = false;
  has_closed = true;
}

ISR(TIMER1_COMPA_vect) { close_valve(OCR1A + 1); }

static void shut_valve(void) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    if (is_open && !(TIFR1 & _BV(OCF1A))) { /* else it has closed by itself just now */
      was_shut = true;
      close_valve(TCNT1);
    }
  }
}

static void say_closed(void) {
  has_closed = false;
  uint16_t tenths = TICKS_TO_TENTHS(open_ticks);
  say(CLOSED, giving,
      (uint8_t[PAYLOAD]){(uint8_t)tenths, tenths >> 8, (uint8_t)n_openings, n_openings >> 8, was_shut});
  was_shut = false;
}

/* ---- what is asked ---- */

static uint8_t last_code;

static void strobe(uint8_t code) {
  set_code(code);
  _delay_us(SETTLE_US);
  STROBE_PORT |= _BV(STROBE_BIT);
  _delay_us(STROBE_US);
  STROBE_PORT &= ~_BV(STROBE_BIT);
  _delay_us(SETTLE_US);
  set_code(0); /* so that the same code twice is two changes */
  last_code = code;
}

static void say_status(uint8_t type, uint8_t sequence) {
  say(type, sequence,
      (uint8_t[PAYLOAD]){is_open, (uint8_t)n_openings, n_openings >> 8, n_bad, last_code});
}

static void give(uint8_t sequence, uint16_t tenths) {
  if (tenths == 0 || tenths > LARGEST_MS * 10) {
    refuse(GIVE, sequence, TOO_LONG);
  } else if (is_open || has_closed) {
    refuse(GIVE, sequence, BUSY);
  } else {
    giving = sequence;
    open_valve(TENTHS_TO_TICKS(tenths));
    say(GIVE | ANSWER, sequence,
        (uint8_t[PAYLOAD]){(uint8_t)tenths, tenths >> 8, (uint8_t)n_openings, n_openings >> 8});
  }
}

/* For the bench: the worst way to hang. Only the watchdog ends it. */
static void hang(uint8_t sequence, const uint8_t *key) {
  if (key[0] != 'h' || key[1] != 'a' || key[2] != 'n' || key[3] != 'g') {
    refuse(HANG, sequence, NO_KEY);
    return;
  }
  cli();
  for (;;) {}
}

static void answer(uint8_t type, uint8_t sequence, const uint8_t *payload) {
  switch (type) {
    case HELLO: say_version(HELLO | ANSWER, sequence); break;
    case STATUS: say_status(STATUS | ANSWER, sequence); break;
    case GIVE: give(sequence, payload[0] | (uint16_t)payload[1] << 8); break;
    case CODE:
      strobe(payload[0]);
      say(CODE | ANSWER, sequence, (uint8_t[PAYLOAD]){payload[0]});
      break;
    case SHUT:
      shut_valve();
      say_status(SHUT | ANSWER, sequence);
      break;
    case HANG: hang(sequence, payload); break;
    default: refuse(type, sequence, UNKNOWN);
  }
}

static void note_bad(void) {
  if (n_bad < 255) n_bad++;
}

/* Forget bytes up to the next that may begin a frame, at least one. */
static void skip(void) {
  uint8_t from = 1, to = 0;
  while (from < n_bytes && frame[from] != SYNC) from++;
  while (from < n_bytes) frame[to++] = frame[from++];
  n_bytes = to;
}

static void take(uint8_t byte) {
  frame[n_bytes++] = byte;
  if (frame[0] != SYNC) {
    n_bytes = 0;
  } else if (n_bytes == FRAME) {
    if (crc_of(frame + 1) == (frame[8] | (uint16_t)frame[9] << 8)) {
      n_bytes = 0;
      answer(frame[1], frame[2], frame + 3);
    } else {
      note_bad();
      refuse(frame[1], frame[2], BAD_CRC);
      skip();
    }
  }
}

static void forget_a_cut_frame(void) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    if (n_bytes && in_tail == in_head && (uint8_t)(now_ms - heard_ms) > GAP_MS) {
      n_bytes = 0;
      note_bad();
    }
    if (is_broken) {
      is_broken = false;
      note_bad();
    }
  }
}

int main(void) {
  wdt_enable(WDTO_60MS);
  VALVE_PORT &= ~_BV(VALVE_BIT);
  VALVE_DIRECTION |= _BV(VALVE_BIT);
  STROBE_PORT &= ~_BV(STROBE_BIT);
  STROBE_DIRECTION |= _BV(STROBE_BIT);
  set_code(0);
  codes_are_outputs();
  start_time();
  start_line();
  sei();
  say_version(BOOTED, 0);
  set_sleep_mode(SLEEP_MODE_IDLE);
  for (;;) {
    wdt_reset(); /* here alone: each turn is shorter than a millisecond and a tick */
    while (in_tail != in_head) {
      uint8_t byte = in[in_tail];
      in_tail = (in_tail + 1) % RING;
      take(byte);
    }
    if (has_closed) say_closed();
    forget_a_cut_frame();
    cli();
    if (in_tail == in_head && !has_closed) {
      sleep_enable();
      sei(); /* the instruction after it is carried out before any interrupt */
      sleep_cpu();
      sleep_disable();
    }
    sei();
  }
}
