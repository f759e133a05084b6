package polymarket.backfill.benchmark;

/** A benchmark that cannot go on, for a reason that a person can change; one line. */
public final class BenchmarkException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public BenchmarkException(String message) {
    super(message);
  }
}
