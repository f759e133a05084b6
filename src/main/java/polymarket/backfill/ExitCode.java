package polymarket.backfill;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The codes that the program exits with. */
public enum ExitCode {
  COMPLETE(0, "complete"),
  ERROR(1, "usage or configuration"),
  FAILED_IDS(2, "finished with failed ids"),
  CHECK_FAILED(3, "a check failed"),
  NOT_BALANCED(4, "sums do not balance"),
  GAVE_UP(5, "a source did not answer for too long; run it again"),
  INTERRUPTED(130, "interrupted");

  /** Of several codes, the first one here is that of the whole. */
  private static final List<ExitCode> WORST_FIRST =
      List.of(INTERRUPTED, NOT_BALANCED, ERROR, GAVE_UP, CHECK_FAILED, FAILED_IDS);

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  /**
   * The code that a process of this program exited with; {@link #ERROR} for any other number, such
   * as that of a killed process.
   */
  public static ExitCode of(int code) {
    for (ExitCode exit : values()) {
      if (exit.code == code) {
        return exit;
      }
    }
    return ERROR;
  }

  /** What the process exits with. */
  public int code() {
    return code;
  }

  /** Whether the run did all it could: at most some ids failed. */
  public boolean isFinished() {
    return this == COMPLETE || this == FAILED_IDS;
  }

  /** The exit code of a whole whose parts ended with these. */
  public static ExitCode worst(Collection<ExitCode> codes) {
    return WORST_FIRST.stream().filter(codes::contains).findFirst().orElse(COMPLETE);
  }

  /** The meaning of each code, for the help. */
  public static Map<String, String> meanings() {
    Map<String, String> meanings = new LinkedHashMap<>();
    for (ExitCode exit : values()) {
      meanings.put(String.valueOf(exit.code), exit.meaning);
    }
    return meanings;
  }
}
