/* Which pin does what. The board is the chip that the compiler is told of; both have 16 MHz crystals. */
#pragma once

#include <avr/io.h>

/* The valve is on the output of timer 1 itself: the timer closes it, whatever the program does meanwhile. */

#if defined(__AVR_ATmega2560__) /* Arduino Mega 2560 */

#define BOARD 1
#define VALVE_PORT PORTB /* pin 11, OC1A */
#define VALVE_DIRECTION DDRB
#define VALVE_BIT PB5
#define STROBE_PORT PORTC /* pin 30 */
#define STROBE_DIRECTION DDRC
#define STROBE_BIT PC7

static inline void codes_are_outputs(void) { DDRA = 0xFF; }

/* Pins 22 to 29: one instruction sets the whole port, so that no line changes before another. */
static inline void set_code(uint8_t code) { PORTA = code; }

#elif defined(__AVR_ATmega328P__) /* Arduino Uno or Nano: no whole port is free beside the serial line */

#define BOARD 2
#define VALVE_PORT PORTB /* pin 9, OC1A */
#define VALVE_DIRECTION DDRB
#define VALVE_BIT PB1
#define STROBE_PORT PORTB /* pin 8 */
#define STROBE_DIRECTION DDRB
#define STROBE_BIT PB0

static inline void codes_are_outputs(void) {
  DDRD |= 0xFC;
  DDRC |= 0x03;
}

/* Bits 0 to 5 on pins 2 to 7, bits 6 and 7 on A0 and A1: two instructions, so the recorder must read at the strobe. */
static inline void set_code(uint8_t code) {
  PORTD = (PORTD & 0x03) | (uint8_t)(code << 2);
  PORTC = (PORTC & 0xFC) | (code >> 6);
}

#else
#error "expected an ATmega2560 or an ATmega328P; add the pins of another board here"
#endif

/* The first serial line has its number in the name where there are several. */
#if defined(USART0_RX_vect)
#define USART0_OR_ONLY_RX USART0_RX_vect
#define USART0_OR_ONLY_UDRE USART0_UDRE_vect
#else
#define USART0_OR_ONLY_RX USART_RX_vect
#define USART0_OR_ONLY_UDRE USART_UDRE_vect
#endif
