package polymarket.backfill.serve;

import java.util.Optional;

/** A command that was posted to the page's server, and what it says until it has ended. */
public interface Posted {

  /** The next event, as a JSON object on one line; empty while there is nothing new. */
  Optional<String> next();

  /** Whether the last event was taken. */
  boolean isEnded();
}
