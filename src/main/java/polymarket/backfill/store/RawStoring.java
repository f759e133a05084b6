package polymarket.backfill.store;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.StepTimes;
import polymarket.backfill.source.RawRows;

/**
 * A page of an answer that is stored as it came. The route store-as-came takes its steps in their
 * order: clear what an attempt that failed or was killed may have stored of this page, insert, read
 * back by count, record the page, and with the last page remove the rows of other batches.
 */
public final class RawStoring {

  private final SqlFile sql;

  /** Null where the batch is in none. */
  private final Ledger ledger;

  private final BatchWork batch;
  private final RawRows page;
  private final boolean probe;

  /** Whether an attempt before may have stored some of the page, and begun to remove it. */
  private final boolean earlier;

  private final Map<String, Object> values;

  /**
   * What the tables hold of the page, stored or rejected, by part where the SQL file names parts.
   */
  private final List<String> parts = new ArrayList<>();

  private final List<Long> partRows = new ArrayList<>();

  /** Whether what is stored of the page is looked for and removed before the insert. */
  private boolean looking;

  /** Whether the page is not stored yet, or not as a whole. */
  private boolean missing = true;

  /** Whether it is inserted for the second time. */
  private boolean again;

  /**
   * @param before a page of this batch whose insert was begun and not seen to its end; null for
   *     none
   */
  RawStoring(SqlFile sql, Ledger ledger, BatchWork batch, RawRows page, RawRows before) {
    this.sql = sql;
    this.ledger = ledger;
    this.batch = batch;
    this.page = page;
    this.probe = batch.getKind() == Batch.Kind.PROBE;
    this.earlier =
        !probe && (batch.batch().resumed() || batch.pages().restarts() > 0 || before != null);
    // an insert that is made once more has the same token, and ClickHouse drops it
    this.looking = page.getToken() == null && earlier;
    this.values = Storing.values(batch);
    this.values.putAll(page.values());
    this.values.put("parts", parts);
    this.values.put("part_rows", partRows);
  }

  /** The SQL that counts what the tables hold of a page of a job's batch. */
  public static String previewQuery(SqlFile sql, BatchWork batch, RawRows page) {
    return new RawStoring(sql, null, batch, page, null).getStoredQuery();
  }

  private boolean isStored() {
    return page.getRows() > 0 && !probe;
  }

  /** Whether the page is to be inserted and read back. */
  public boolean isMissing() {
    return missing;
  }

  /** Whether some of the page may be stored already. */
  public boolean isLooking() {
    return looking;
  }

  /** The SQL that counts what the tables hold of this batch from the page's beginning on. */
  public String getLookQuery() {
    return sql.section("present").sql(values);
  }

  /** The statements that remove it. */
  public List<String> getClearStatements() {
    page.removed();
    return statements("cleared");
  }

  /**
   * Called before each change of a table.
   *
   * @throws FencedException if another member has the batch by now, with rows of its own
   */
  private void requireHeld() {
    if (ledger != null && !probe && !ledger.holds(batch.batch())) {
      throw new FencedException(batch.batch());
    }
  }

  private List<String> statements(String section) {
    requireHeld();
    return sql.section(section).statements().stream()
        .map(statement -> SqlFile.fill(statement, values))
        .toList();
  }

  /** Whether there is something to insert. */
  public boolean isInserting() {
    batch.enter(StepTimes.Step.INSERT);
    requireHeld();
    page.insert(batch.getKey() + ":" + page.digest());
    missing = isStored();
    return missing;
  }

  public RawRows getPage() {
    return page;
  }

  /** Whether there is something to read back. */
  public boolean isReadingBack() {
    batch.enter(StepTimes.Step.READ_BACK);
    return isStored();
  }

  /** The SQL that counts what the tables hold of the page. */
  public String getStoredQuery() {
    return sql.section("stored").sql(values);
  }

  /**
   * Takes what was counted. Where it differs after an earlier attempt, the page is removed and
   * inserted once more with another token: ClickHouse drops bytes whose token it has seen, also
   * where an attempt removed them and ended, and an insert of a killed attempt can end after the
   * look.
   *
   * @throws ImbalanceException where it is not what was counted before the insert
   */
  void stored(List<Map<String, Object>> counted) throws ImbalanceException {
    long rows = 0;
    long rejected = 0;
    parts.clear();
    partRows.clear();
    for (Map<String, Object> row : counted) {
      long held = ((Number) row.get("rows")).longValue();
      long refused = ((Number) row.get("rejected")).longValue();
      rows += held;
      rejected += refused;
      if (row.get("part") != null) {
        parts.add(String.valueOf(row.get("part")));
        partRows.add(held + refused);
      }
    }
    missing = rows + rejected != page.getRows() && earlier && !again;
    if (missing) {
      again = true;
      looking = true;
      page.removed();
    } else if (rows + rejected != page.getRows()) {
      throw new ImbalanceException(
          "batch "
              + batch
              + ": "
              + page.getRows()
              + " rows were sent and acknowledged, but the tables hold "
              + rows
              + " of it and "
              + rejected
              + " rejected ones");
    }
    batch.rows().reset();
    batch.rows().add(page.getRows(), rows, 0, rejected);
  }

  /**
   * Whether the page is noted: also one without rows, so that it differs from what was not asked.
   */
  public boolean isNoting() {
    return !probe;
  }

  /** The statements that note the page. */
  public List<String> getNoteStatements() {
    return statements("noted");
  }

  /** Whether rows of other batches for the batch's ids are removed now. */
  public boolean isReplacing() {
    return !batch.isMore() && !probe && (batch.batch().redo() || batch.isCheck());
  }

  /** The SQL that counts it. */
  public String getOthersQuery() {
    return sql.section("others").sql(values);
  }

  /** The statements that remove it. */
  public List<String> getReplaceStatements() {
    return statements("replaced");
  }

  /** Whether the batch is done and has several ids, each of which gets its own count. */
  public boolean isCounting() {
    return !batch.isMore() && !probe && batch.getSize() > 1;
  }

  /** The SQL that counts the rows of each id of the batch. */
  public String getHeldQuery() {
    return sql.query("held").sql(values);
  }

  /** Takes these counts. */
  void held(List<Map<String, Object>> counted) {
    counted.forEach(
        row -> settle(String.valueOf(row.get("id")), ((Number) row.get("rows")).longValue()));
  }

  private void settle(String id, long rows) {
    batch.outcomes().put(id, rows > 0 ? Outcome.found(rows) : Outcome.of(State.ABSENT));
  }

  /** With the last page, gives the batch's one id its outcome. */
  void settle() {
    batch.enter(null);
    if (page.getRows() == 0) {
      batch.rows().reset();
    }
    if (!batch.isMore() && !probe && batch.getSize() == 1) {
      settle(batch.getIds().get(0), batch.rows().fetchedBefore() + batch.rows().fetched());
    }
  }
}
