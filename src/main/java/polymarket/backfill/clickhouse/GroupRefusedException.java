package polymarket.backfill.clickhouse;

/**
 * ClickHouse refused an insert of the rows of several batches. Which of them is at fault shows when
 * each is inserted alone.
 */
public final class GroupRefusedException extends RuntimeException {

  private static final long serialVersionUID = 1;

  public GroupRefusedException(RuntimeException cause) {
    super("an insert of several batches was refused: " + cause.getMessage(), cause);
  }
}
