package polymarket.backfill.run;

import com.fasterxml.jackson.annotation.JsonEnumDefaultValue;
import com.fasterxml.jackson.annotation.JsonValue;

/** How a job's run is, or how it ended. */
public enum RunState {
  RUNNING("running"),
  COMPLETE("complete"),
  /** Complete so far; its process waits for what the source adds. */
  FOLLOWING("following"),
  /** Nothing is pending; some ids failed. */
  FAILED_IDS("finished with failed ids"),
  /** As many ids were asked for as --limit allows. */
  LIMITED("stopped at --limit"),
  NOT_BALANCED("not balanced"),
  INTERRUPTED("interrupted"),
  /** A source did not answer for too long. */
  GAVE_UP("gave up"),
  STOPPED("stopped"),
  /** Its process is gone, and did not say how it ended. */
  DIED("died"),
  /** Of a file that another version of the program wrote. */
  @JsonEnumDefaultValue
  UNKNOWN("unknown");

  private final String text;

  RunState(String text) {
    this.text = text;
  }

  /** As people and JSON have it. */
  @JsonValue
  public String text() {
    return text;
  }

  @Override
  public String toString() {
    return text;
  }
}
