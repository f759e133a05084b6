package polymarket.backfill.source;

import polymarket.backfill.Redaction;

/** A request to a source failed. */
public class SourceException extends Exception {

  private final int status;
  private final boolean busy;
  private final long retryAfterMillis;
  private final boolean refusal;

  /** An answer that cannot be used, such as an error inside an HTTP 200. */
  public SourceException(String message) {
    this(message, 0, false, 0, false);
  }

  /** An unusable answer with an HTTP status, without a time for a retry. */
  public SourceException(String message, int status) {
    this(message, status, false, 0, false);
  }

  /**
   * @param status the HTTP status
   * @param busy whether the source throttles, rather than rejecting this request
   * @param retryAfterMillis the delay that it asks for; 0 without one
   * @param refusal whether it says that a retry is useless
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
