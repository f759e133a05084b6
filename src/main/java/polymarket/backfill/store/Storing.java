package polymarket.backfill.store;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.Checksum64;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.RowNames;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.FencedException;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.StepTimes;
import polymarket.backfill.source.Elements;

/**
 * The storing of an answer's rows. The route store executes its steps in the order of {@link Step},
 * each if the batch needs it; a step out of order is an error.
 */
public final class Storing {

  private enum Step {
    /** No step is done yet. */
    BEGUN,
    /** The rows that the table already has are known. */
    LOOKED,
    /** The other rows are being inserted. */
    SENT,
    /** The batch's rows were read back, and its ids have their outcomes. */
    READ_BACK
  }

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  private final Job job;
  private final SqlFile sql;
  private final Ledger ledger;
  private final BatchWork batch;
  private final List<Map<String, Object>> all;
  private Step step = Step.BEGUN;

  /** The rows that the table does not have; all rows before it was searched. */
  private List<Map<String, Object>> missing;

  /** How many rows of the answer this batch had stored before. */
  private long own;

  private int sent;
  private byte[] lines;
  private String token;

  /**
   * @param ledger which says whether the batch is still this process's, and what time it is; null
   *     where nothing is stored
   */
  public Storing(
      Job job, SqlFile sql, Ledger ledger, BatchWork batch, List<Map<String, Object>> rows) {
    this.job = job;
    this.sql = sql;
    this.ledger = ledger;
    this.batch = batch;
    this.all = rows;
    this.missing = rows;
  }

  BatchWork batch() {
    return batch;
  }

  private void go(Step from, Step to) {
    if (step.compareTo(from) > 0 || to.compareTo(step) < 0) {
      throw new IllegalStateException(to + " of batch " + batch + " comes after " + step);
    }
    step = to;
  }

  /** The keys of the rows, if pages repeat rows; empty otherwise. */
  Set<String> keys() {
    Set<String> keys = new HashSet<>();
    if (job.isLookFirst()) {
      all.forEach(row -> keys.add(RowNames.key(job, batch, row)));
    }
    return keys;
  }

  // ---- 1. find the rows that are already in the table

  /**
   * Whether rows may already be in the table. Rows that are replaced on purpose may be there from
   * another job, which fills the same table.
   */
  public boolean isLooking() {
    boolean replaces = batch.batch().redo() && !job.getAfter().isEmpty();
    return !all.isEmpty() && (batch.isCheck() || replaces || job.isLookFirst());
  }

  /** The SQL that finds the rows of the answer that are already in the table. */
  public String getLookQuery() {
    Map<String, Object> values = values(batch);
    values.put("keys", all.stream().map(row -> RowNames.key(job, batch, row)).distinct().toList());
    return sql.section("present").sql(values);
  }

  /**
   * Leaves out the rows that are already in the table. If, by {@code @present}, all rows of the
   * last page were stored by another list of the same pass ({@code met}), or a row is beyond the
   * end of the list ({@code ends}), this page is the last.
   */
  void looked(List<Map<String, Object>> found) {
    go(Step.BEGUN, Step.LOOKED);
    Set<String> present = new HashSet<>();
    Set<String> others = new HashSet<>();
    Set<String> met = new HashSet<>();
    boolean ends = false;
    for (Map<String, Object> row : found) {
      String key = String.valueOf(row.get("key"));
      present.add(key);
      if (((Number) row.get("own")).intValue() == 1) {
        own++;
      } else {
        others.add(key);
      }
      if (isOne(row.get("met"))) {
        met.add(key);
      }
      ends |= isOne(row.get("ends"));
    }
    List<Map<String, Object>> lastPage =
        batch.kept().lastPage() == 0
            ? all
            : all.subList(Math.max(0, all.size() - batch.kept().lastPage()), all.size());
    if (ends
        || !all.isEmpty()
            && lastPage.stream()
                .map(row -> RowNames.key(job, batch, row))
                .allMatch(met::contains)) {
      batch.pages().end();
    }
    Set<String> counted = new HashSet<>();
    Map<String, Long> there = new HashMap<>();
    missing =
        all.stream()
            .filter(
                row -> {
                  String key = RowNames.key(job, batch, row);
                  if (others.contains(key) && counted.add(key)) {
                    there.merge(RowNames.id(job, batch, row), 1L, Long::sum);
                  }
                  return !present.contains(key);
                })
            .toList();
    batch.rows().pageThere(there);
  }

  private static boolean isOne(Object value) {
    return value instanceof Number number && number.intValue() == 1;
  }

  // ---- 2. insert the others

  /**
   * Prepares the insert: JSON lines with the batch and the time (and the requested id, if the rows
   * do not have it), and the deduplication token. A key that is repeated in an answer is used once.
   *
   * @return whether there are rows to insert
   * @throws FencedException if another member has the batch by now
   */
  public boolean prepare() throws JsonProcessingException {
    go(Step.LOOKED, Step.SENT);
    Map<String, Map<String, Object>> once = new LinkedHashMap<>();
    missing.forEach(row -> once.putIfAbsent(RowNames.key(job, batch, row), row));
    batch.rows().reset();
    batch.rows().add(all.size(), 0, 0, 0);
    sent = once.size();
    if (once.isEmpty() || batch.getKind() == Batch.Kind.PROBE) {
      return false;
    }
    if (ledger != null && !ledger.holds(batch.batch())) {
      throw new FencedException(batch.batch());
    }
    // a version of the row, for --redo: members whose clocks differ need one clock
    Instant now = ledger == null ? Instant.now() : Instant.ofEpochMilli(ledger.now());
    ByteArrayOutputStream text = new ByteArrayOutputStream(once.size() * 200);
    Checksum64 digest = new Checksum64();
    String tail =
        (job.getIdField().isEmpty()
                ? ",\"asked\":" + JSON.writeValueAsString(batch.getIds().get(0))
                : "")
            + ",\"batch\":"
            + JSON.writeValueAsString(batch.getKey())
            + ",\"fetched_at\":\""
            + now.toString().replaceFirst("(\\.\\d{3})\\d*Z$", "$1Z")
            + "\"}\n";
    byte[] end = tail.getBytes(StandardCharsets.UTF_8);
    for (Map<String, Object> row : once.values()) {
      // by way of a text, so that half a surrogate pair becomes '?': ClickHouse refuses its escape
      byte[] line = JSON.writeValueAsString(Elements.plain(row)).getBytes(StandardCharsets.UTF_8);
      digest.add(line);
      text.write(line, 0, line.length - 1);
      text.writeBytes(end);
    }
    lines = text.toByteArray();
    token = batch.getKey() + ":" + digest.hex();
    batch.enter(StepTimes.Step.INSERT);
    return true;
  }

  /** The rows as JSONEachRow. */
  public byte[] getLines() {
    return lines;
  }

  /** The insert's deduplication token. */
  public String getToken() {
    return token;
  }

  // ---- 3. read back the batch's rows

  /** Whether the tables may have rows of the batch. */
  public boolean isReadingBack() {
    boolean some =
        batch.batch().resumed()
            || !batch.isMore() && batch.rows().anyThere()
            || sent + own + batch.rows().storedBefore() > 0;
    return some && batch.getKind() != Batch.Kind.PROBE;
  }

  /** The SQL that reads back the batch's rows. */
  public String getStoredQuery() {
    batch.enter(StepTimes.Step.READ_BACK);
    return sql.section("stored").sql(values(batch));
  }

  /** Records that nothing was inserted, because every row was already there. */
  void nothingStored() {
    go(Step.SENT, Step.READ_BACK);
    batch.rows().add(0, 0, batch.rows().fetched(), 0);
    settle(Map.of(), false, Map.of());
  }

  /**
   * Takes the result: how many rows were stored or rejected and, with the last page, the outcome of
   * each id.
   *
   * @throws ImbalanceException if acknowledged rows are in no table, or the tables have more rows
   *     than were sent
   */
  void stored(List<Map<String, Object>> tables) throws ImbalanceException {
    go(Step.SENT, Step.READ_BACK);
    batch.enter(null);
    Map<String, long[]> held = new HashMap<>();
    Map<String, String> reasons = new HashMap<>();
    long inserted = 0;
    long rejected = 0;
    boolean counted = false;
    for (Map<String, Object> row : tables) {
      String id = String.valueOf(row.get("id"));
      long rows = ((Number) row.get("rows")).longValue();
      long refused = ((Number) row.get("rejected")).longValue();
      long[] sums = held.computeIfAbsent(id, key -> new long[3]);
      sums[0] += rows;
      sums[1] += refused;
      if (row.get("there") instanceof Number there) {
        counted = true;
        sums[2] += there.longValue();
      }
      inserted += rows;
      rejected += refused;
      if (refused > 0) {
        reasons.put(id, String.valueOf(row.get("reason")));
      }
    }
    // rows of this page that were stored by an attempt that was killed before it recorded them;
    // negative // if rejected rows are repeated, which not every job checks
    long unnoted = inserted + rejected - batch.rows().storedBefore() - sent;
    // of these, the rows that are not in the answer this time
    long leftOut = Math.max(0, unnoted - own);
    if (unnoted < -batch.rows().rejectedBefore() || leftOut > 0 && !batch.batch().resumed()) {
      throw new ImbalanceException(
          "batch "
              + batch
              + ": "
              + sent
              + " rows were sent and acknowledged after "
              + batch.rows().storedBefore()
              + " earlier ones, but the tables have "
              + inserted
              + " of it and "
              + rejected
              + " rejected ones");
    }
    batch.rows().add(leftOut, 0, 0, 0);
    long nowRejected = rejected - batch.rows().rejectedBefore();
    long nowInserted = sent + unnoted - nowRejected;
    batch
        .rows()
        .add(0, nowInserted, batch.rows().fetched() - nowInserted - nowRejected, nowRejected);
    settle(held, counted, reasons);
  }

  /**
   * After the last page, sets the outcome of every id of the batch that has none yet from its rows.
   * An id that was requested separately and has no rows is requested once more first.
   *
   * @param counted whether the numbers of rows of each id, from any batch, are known
   */
  private void settle(Map<String, long[]> held, boolean counted, Map<String, String> reasons) {
    if (batch.isMore()) {
      return;
    }
    Set<String> answered =
        batch.getSize() > 1 && (job.isOneIdARequest() || job.isAskedInParts(batch))
            ? batch.kept().answered()
            : Set.copyOf(batch.getIds());
    for (String id : batch.getIds()) {
      long[] sums = held.getOrDefault(id, new long[3]);
      long rows = counted ? sums[2] : sums[0] + batch.rows().there(id);
      // one of many lists may have none but rejected rows, and is read to its end nevertheless
      if (rows > 0 || sums[1] > 0 && sql.has("ids-after")) {
        batch.outcomes().put(id, Outcome.found(rows));
        batch.missing().remove(id);
      } else if (sums[1] > 0) {
        batch.outcomes().put(id, Outcome.rejected(sums[1], reasons.get(id)));
      } else if (batch.getSize() == 1 && batch.rows().fetchedBefore() > 0) {
        // an earlier run read its pages, and all their rows were already there
        batch.outcomes().put(id, Outcome.found(batch.rows().fetchedBefore()));
      } else if (answered.contains(id) && !batch.missing().contains(id)) {
        if (job.isOneIdARequest() && batch.getKind() != Batch.Kind.REASK) {
          batch.missing().add(id);
        } else {
          batch.outcomes().putIfAbsent(id, Outcome.of(State.ABSENT));
        }
      }
    }
  }

  // ---- 4. with --redo, remove rows of earlier fetches that the source no longer has

  /**
   * Whether rows of earlier fetches are to be removed: the batch replaces them on purpose, is
   * stored, and its SQL has the statement.
   */
  public boolean isReplacing() {
    return batch.batch().redo()
        && !batch.isMore()
        && batch.getKind() != Batch.Kind.PROBE
        && sql.has("replaced")
        && !settled().isEmpty();
  }

  /** The SQL that removes rows of earlier batches for the answered ids. */
  public String getReplacedQuery() {
    Map<String, Object> values = values(batch);
    values.put("ids", settled());
    return sql.section("replaced").sql(values);
  }

  private List<String> settled() {
    return batch.outcomes().entrySet().stream()
        .filter(
            entry ->
                entry.getValue().state() == State.FOUND || entry.getValue().state() == State.ABSENT)
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  /** The values of the placeholders that every section of a job may use. */
  static Map<String, Object> values(BatchWork batch) {
    Map<String, Object> values = new HashMap<>();
    values.put("ids", batch.getIds());
    values.put("first", batch.getIds().get(0));
    values.put("last", batch.getIds().get(batch.getSize() - 1));
    values.put("batch", batch.getKey());
    values.put("redo", batch.batch().redo());
    values.put("last_page", !batch.isMore());
    values.put("window_since", batch.getSince());
    values.put("window_until", batch.getUntil());
    values.put("pass_first", batch.batch().passFirst().toString());
    values.put("pass_last", batch.batch().passLast().toString());
    return values;
  }
}
