/* The log: one line an event on stderr, `2026-11-24T12:04:31.123Z <level> room: text`, levels as in
 * syslog so that journald reads them. Every line passes text_visible(): nothing from outside can
 * forge a line or reach a terminal raw. Thread-safe; a line is one write(2). */
#pragma once

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* Lines above `level` are dropped; at first LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(room, ...) log_line(LOG_LEVEL_ERROR, room, __VA_ARGS__)
#define log_warning(room, ...) log_line(LOG_LEVEL_WARNING, room, __VA_ARGS__)
#define log_notice(room, ...) log_line(LOG_LEVEL_NOTICE, room, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_LEVEL_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_line(LOG_LEVEL_DEBUG, room, __VA_ARGS__)
