package polymarket.backfill.job;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Window;

/**
 * The span of time that a person asked for: a date, a time such as 2026-11-01T00:00:00Z, or an age
 * such as 30d; null for no bound.
 */
public record Period(String since, String until) {

  /** The same as instants. */
  public Window window() {
    if (since == null && until == null) {
      return Window.ALL;
    }
    String from = first();
    String to = last();
    Window window =
        new Window(
            since + " " + until,
            from.isEmpty() ? 0 : Instant.parse(from).getEpochSecond(),
            to.isEmpty() ? Window.ALL.until() : Instant.parse(to).getEpochSecond());
    if (window.since() > window.until()) {
      throw new UserError("--since " + since + " is later than --until " + until);
    }
    if (window.since() > Instant.now().getEpochSecond()) {
      throw new UserError(
          "--since "
              + since
              + " is in the future (it is a time in UTC): nothing has happened since then");
    }
    return window;
  }

  /** Its begin as 2026-11-01T00:00:00Z; empty where there is none. */
  String first() {
    return time(since, "--since");
  }

  /** Its end, in the same form. */
  String last() {
    return time(until, "--until");
  }

  private static String time(String text, String option) {
    if (text == null) {
      return "";
    }
    try {
      if (text.matches("\\d+\\s*(ms|s|m|h|d)")) {
        return Instant.now()
            .minus(Settings.duration(text, option))
            .truncatedTo(ChronoUnit.SECONDS)
            .toString();
      }
      return Instant.parse(text.length() == 10 ? text + "T00:00:00Z" : text)
          .truncatedTo(ChronoUnit.SECONDS)
          .toString();
    } catch (DateTimeParseException e) {
      throw new UserError(
          option
              + " is '"
              + text
              + "'; it takes a date, a time such as 2026-11-01T00:00:00Z, or an age such as 30d");
    }
  }
}
