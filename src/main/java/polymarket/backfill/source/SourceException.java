package polymarket.backfill.source;

import polymarket.backfill.Redaction;

/** A source did not give what it was asked for. */
public class SourceException extends Exception {

  private final int status;
  private final boolean busy;
  private final long retryAfterMillis;
  private final boolean refusal;

  /** An answer that cannot be used, such as an error inside an HTTP 200. */
  public SourceException(String message) {
    this(message, 0, false, 0, false);
  }

  /** An answer with an HTTP status that cannot be used and says nothing of when to ask again. */
  public SourceException(String message, int status) {
    this(message, status, false, 0, false);
  }

  /**
   * @param status the HTTP status
   * @param busy whether the source asks for patience rather than refusing this request
   * @param retryAfterMillis how long it asks to wait; 0 where it does not say
   * @param refusal whether it says that asking again is of no use
   */
  public SourceException(
      String message, int status, boolean busy, long retryAfterMillis, boolean refusal) {
    super(Redaction.line(message));
    this.status = status;
    this.busy = busy;
    this.retryAfterMillis = retryAfterMillis;
    this.refusal = refusal;
  }

  public int status() {
    return status;
  }

  public boolean busy() {
    return busy;
  }

  public boolean refusal() {
    return refusal;
  }

  public long retryAfterMillis() {
    return retryAfterMillis;
  }
}
