package polymarket.backfill.job;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;

/**
 * The bean {@code rows} of the job routes: sees whether an answer is whole, and follows its rows
 * until they are read back from the table. It knows no job from another: what differs stands in the
 * job's route file and SQL file.
 */
public final class Rows {

  /** The header with the insert's deduplication token; without it there is nothing to insert. */
  public static final String TOKEN = "ClickHouseToken";

  /** The exchange property with all rows of an answer. */
  static final String ALL = "rows";

  private static final String OWN = "RowsOwn";
  private static final String SENT = "RowsSent";
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  /** Rows from which on those of several pages are stored. */
  private static final int ROWS_TOGETHER = 500;

  private final Map<String, Job> jobs;
  private final Stop stop;
  private final Map<String, SqlFile> sql = new HashMap<>();

  /** The keys of the rows that batches are about to store. */
  private final Map<Batch, Set<String>> storing = new HashMap<>();

  public Rows(Map<String, Job> jobs, Stop stop) {
    this.jobs = jobs;
    this.stop = stop;
    jobs.values().forEach(job -> sql.put(job.getName(), job.sql()));
  }

  /**
   * Compares an answer with what was asked for. An id that the source knows and has no rows for is
   * unresolved. One that is not in the answer goes into a further batch that asks for it once more;
   * where it was asked for once more already, it is absent - unless the answer may have been cut,
   * which its number of rows tells.
   *
   * @param known the ids that the source knows, as it writes them
   * @param rows the rows that it sent
   * @throws SourceException where the answer holds what was not asked for
   */
  public void answered(
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty("known") List<?> known,
      @Body List<Map<String, Object>> rows)
      throws SourceException {
    Job job = jobs.get(batch.getJob());
    Set<String> asked = new HashSet<>(batch.getIds());
    Set<String> seen = new HashSet<>();
    for (Object value : known) {
      String id = job.idKind().normalise(String.valueOf(value));
      if (id == null || !asked.contains(id)) {
        throw new SourceException(
            job.getSource()
                + " answered with "
                + job.idKind().label()
                + " "
                + value
                + ", which was not asked for");
      }
      seen.add(id);
    }
    Set<String> withRows = new HashSet<>();
    for (Map<String, Object> row : rows) {
      withRows.add(id(job, batch, row));
    }
    batch.forgetAnswer();
    batch.lastPage();
    boolean maybeCut = job.isPageSize(known.size()) && known.size() < batch.getSize();
    for (String id : batch.getIds()) {
      if (!seen.contains(id)) {
        if (batch.getKind() == Batch.Kind.REASK && !maybeCut) {
          batch.outcomes().put(id, Outcome.of(State.ABSENT));
        } else {
          batch.missing().add(id);
        }
      } else if (!withRows.contains(id)) {
        batch.outcomes().put(id, Outcome.of(State.UNRESOLVED));
      }
    }
  }

  /**
   * Sees that a page is a new one and notes where the next begins, for jobs whose answers have
   * several pages. A page that is shorter than the job's page size may have been cut: it is asked
   * for until it has come three times with as many rows. Where the last page is in, ids without
   * rows are absent.
   *
   * @param next the next page's cursor; null where this page is the last
   * @param promised whether the page before said that there is more: an empty one is then asked for
   *     once more
   * @throws SourceException where the cursor or the whole page was there before, or a row belongs
   *     to another id
   */
  public void page(
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty("next") String next,
      @ExchangeProperty("promised") Boolean promised,
      @Body List<Map<String, Object>> rows)
      throws SourceException, JsonProcessingException {
    Job job = jobs.get(batch.getJob());
    for (Map<String, Object> row : rows) {
      if (!batch.getIds().contains(id(job, batch, row))) {
        throw new SourceException(
            job.getSource()
                + " answered with a row of "
                + value(job.getIdField(), row)
                + " where "
                + batch.getIds().get(0)
                + " was asked for");
      }
    }
    if (Boolean.TRUE.equals(promised) && rows.isEmpty() && batch.doubts()) {
      throw new SourceException(
          job.getSource()
              + " sent an empty page of "
              + batch.getIds().get(0)
              + " where it had said that there is more");
    }
    String digest =
        rows.isEmpty()
            ? null
            : HexFormat.of().formatHex(sha256().digest(JSON.writeValueAsBytes(rows)));
    if (rows.size() < job.getPageSize() && !batch.isConfirmed(rows.size())) {
      return;
    }
    String again =
        batch.page(digest, next == null || next.isEmpty() ? null : next, job.getRepeatedPages());
    if (again != null) {
      throw new SourceException(
          job.getSource()
              + " sent a "
              + again
              + " of "
              + batch.getIds().get(0)
              + " that it had sent before");
    }
  }

  /**
   * Where a page begins, for sources whose pages are counted by offset: the cursor as a number, 0
   * at the beginning.
   */
  public long offset(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    String cursor = batch.getCursor();
    return cursor != null && cursor.matches("\\d{1,18}") ? Long.parseLong(cursor) : 0;
  }

  /** The cursor of the page behind this one, for such sources. */
  public String nextOffset(@ExchangeProperty(Batch.PROPERTY) Batch batch, @Body List<?> rows) {
    return String.valueOf(offset(batch) + rows.size());
  }

  /**
   * Keeps a page's rows, until they are stored with those of further pages or, of a batch's part,
   * with those of the other ids.
   */
  public void keep(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch part,
      @Body List<Map<String, Object>> rows) {
    part.keep(rows);
    if (part.isPart() || storesPagesTogether(part)) {
      exchange.removeProperty(Retry.FAILURES);
    }
  }

  /**
   * Whether each id of the batch is asked for on its own, because the source takes one id a
   * request. A batch of one id is stored page by page instead.
   */
  public boolean asksEach(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    return batch.getSize() > 1 && jobs.get(batch.getJob()).isOneIdARequest();
  }

  private boolean storesPagesTogether(Batch batch) {
    return jobs.get(batch.getJob()).isPagesTogether();
  }

  /**
   * Whether a further page's rows are to be stored with those that were kept: an insert of few rows
   * costs as much as one of many.
   */
  public boolean keepsOn(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    return batch.keepsOn(stop.asked() ? 1 : ROWS_TOGETHER);
  }

  /** The rows of the pages that were kept. */
  public List<Map<String, Object>> kept(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    return batch.takeKept(storesPagesTogether(batch));
  }

  /**
   * The rows of all ids of a batch that could be asked for; the others get batches of their own
   * when this one is done.
   */
  public List<Map<String, Object>> gathered(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    batch.lastPage();
    return batch.gathered();
  }

  private static String id(Job job, Batch batch, Map<String, Object> row) {
    return job.getIdField().isEmpty()
        ? batch.getIds().get(0)
        : job.idKind().normalise(String.valueOf(value(job.getIdField(), row)));
  }

  /** The value of a field, or of the first that the row has of several with bars between them. */
  private static Object value(String fields, Map<String, Object> row) {
    for (String field : fields.split("\\|")) {
      Object value = row.get(field.strip());
      if (value != null && !"".equals(value)) {
        return value;
      }
    }
    return null;
  }

  /**
   * What names a row in its table: the id, or the values of the job's key fields with slashes
   * between them.
   */
  private static String key(Job job, Batch batch, Map<String, Object> row) {
    if (job.getKeyFields().isEmpty()) {
      return id(job, batch, row);
    }
    StringBuilder key = new StringBuilder();
    for (String field : job.getKeyFields().split(",")) {
      Object value =
          field.strip().equals(job.getIdField()) ? id(job, batch, row) : value(field, row);
      key.append(key.isEmpty() ? "" : "/").append(value == null ? "" : value);
    }
    return key.toString();
  }

  /**
   * Whether rows may be in the table already. Where pages repeat rows, it waits while another batch
   * stores one of the same, so that of two batches which come to a row at once only one finds it
   * missing.
   */
  public boolean look(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @Body List<Map<String, Object>> rows)
      throws InterruptedException {
    Job job = jobs.get(batch.getJob());
    exchange.removeProperty(OWN);
    if (job.isLookFirst() && !rows.isEmpty()) {
      Set<String> keys = new HashSet<>();
      rows.forEach(row -> keys.add(key(job, batch, row)));
      synchronized (storing) {
        while (storing.entrySet().stream()
            .anyMatch(
                other ->
                    other.getKey() != batch
                        && !other.getKey().isIdle()
                        && other.getKey().getJob().equals(batch.getJob())
                        && !Collections.disjoint(other.getValue(), keys))) {
          storing.wait(50);
        }
        storing.keySet().removeIf(Batch::isIdle);
        storing.put(batch, keys);
      }
    }
    return !rows.isEmpty() && (batch.isCheck() || job.isLookFirst());
  }

  private void pageDone(Batch batch) {
    synchronized (storing) {
      storing.remove(batch);
      storing.notifyAll();
    }
  }

  /** The SQL that finds the rows of an answer which the table has already. */
  public String presentQuery(
      @ExchangeProperty(Batch.PROPERTY) Batch batch, @Body List<Map<String, Object>> rows) {
    Job job = jobs.get(batch.getJob());
    Map<String, Object> values = values(batch);
    values.put("keys", rows.stream().map(row -> key(job, batch, row)).distinct().toList());
    return sql.get(batch.getJob()).section("present").sql(values);
  }

  /**
   * The SQL of a section of the job's file, for what a route has to know of a batch before it asks.
   */
  public String query(@ExchangeProperty(Batch.PROPERTY) Batch batch, String section) {
    return sql.get(batch.getJob()).section(section).sql(values(batch));
  }

  private static Map<String, Object> values(Batch batch) {
    Map<String, Object> values = new HashMap<>();
    values.put("ids", batch.getIds());
    values.put("first", batch.getIds().get(0));
    values.put("last", batch.getIds().get(batch.getSize() - 1));
    values.put("batch", batch.getKey());
    values.put("redo", batch.isRedo());
    values.put("window_since", batch.getSince());
    values.put("window_until", batch.getUntil());
    values.put("pass_first", batch.passFirst());
    values.put("pass_last", batch.passLast());
    return values;
  }

  /**
   * Leaves out the rows that the table has already. Where {@code @present} says of all of the last
   * page ({@code met}) that another batch brought them, which comes the other way and has stored
   * everything behind this page, this page is the last.
   */
  public List<Map<String, Object>> leaveOutPresent(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty(ALL) List<Map<String, Object>> rows,
      @Body List<Map<String, Object>> found) {
    Job job = jobs.get(batch.getJob());
    Set<String> present = new HashSet<>();
    long own = 0;
    Set<String> others = new HashSet<>();
    Set<String> met = new HashSet<>();
    for (Map<String, Object> row : found) {
      String key = String.valueOf(row.get("key"));
      present.add(key);
      if (((Number) row.get("own")).intValue() == 1) {
        own++;
      } else {
        others.add(key);
      }
      if (row.get("met") instanceof Number number && number.intValue() == 1) {
        met.add(key);
      }
    }
    exchange.setProperty(OWN, own);
    List<Map<String, Object>> lastPage =
        batch.lastKept() == 0
            ? rows
            : rows.subList(Math.max(0, rows.size() - batch.lastKept()), rows.size());
    if (!rows.isEmpty()
        && lastPage.stream().map(row -> key(job, batch, row)).allMatch(met::contains)) {
      batch.lastPage();
    }
    Set<String> counted = new HashSet<>();
    Map<String, Long> there = new HashMap<>();
    List<Map<String, Object>> rest =
        rows.stream()
            .filter(
                row -> {
                  String key = key(job, batch, row);
                  if (others.contains(key) && counted.add(key)) {
                    there.merge(id(job, batch, row), 1L, Long::sum);
                  }
                  return !present.contains(key);
                })
            .toList();
    batch.pageThere(there);
    return rest;
  }

  /**
   * Makes the rows ready for the insert: JSON lines with the batch and the time (and what was asked
   * for, where the rows do not hold the id), and the token that names them. A key that comes twice
   * in an answer is taken once.
   */
  public void json(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty(ALL) List<Map<String, Object>> all,
      @Body List<Map<String, Object>> rows)
      throws JsonProcessingException {
    Job job = jobs.get(batch.getJob());
    exchange.getMessage().removeHeader(TOKEN);
    Map<String, Map<String, Object>> once = new LinkedHashMap<>();
    rows.forEach(row -> once.putIfAbsent(key(job, batch, row), row));
    batch.resetRows();
    batch.count(all.size(), 0, 0, 0);
    exchange.setProperty(SENT, once.size());
    if (once.isEmpty() || batch.getKind() == Batch.Kind.PROBE) {
      return;
    }
    StringBuilder lines = new StringBuilder(once.size() * 200);
    MessageDigest digest = sha256();
    String tail =
        (job.getIdField().isEmpty()
                ? ",\"asked\":" + JSON.writeValueAsString(batch.getIds().get(0))
                : "")
            + ",\"batch\":"
            + JSON.writeValueAsString(batch.getKey())
            + ",\"fetched_at\":\""
            + Instant.now().toString().replaceFirst("(\\.\\d{3})\\d*Z$", "$1Z")
            + "\"}\n";
    for (Map<String, Object> row : once.values()) {
      String line = JSON.writeValueAsString(row);
      digest.update(line.getBytes(StandardCharsets.UTF_8));
      lines.append(line, 0, line.length() - 1).append(tail);
    }
    exchange.getMessage().setBody(lines.toString().getBytes(StandardCharsets.UTF_8));
    exchange
        .getMessage()
        .setHeader(TOKEN, batch.getKey() + ":" + HexFormat.of().formatHex(digest.digest()));
    batch.enter(Batch.Step.INSERT);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Whether the tables hold something of the batch. Where they do not, nothing is stored and every
   * row was there before.
   */
  public boolean readBack(Exchange exchange, @ExchangeProperty(Batch.PROPERTY) Batch batch) {
    boolean some =
        batch.isResumed()
            || !batch.isMore() && batch.anyThere()
            || exchange.getProperty(SENT, Integer.class)
                    + exchange.getProperty(OWN, 0L, Long.class)
                    + batch.storedSoFar()
                > 0;
    if (!some || batch.getKind() == Batch.Kind.PROBE) {
      batch.count(0, 0, batch.fetched(), 0);
      settle(jobs.get(batch.getJob()), batch, Map.of(), false, Map.of());
      pageDone(batch);
      return false;
    }
    return true;
  }

  /** The SQL that reads back what the tables hold of a batch. */
  public String storedQuery(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    batch.enter(Batch.Step.READ_BACK);
    return sql.get(batch.getJob()).section("stored").sql(values(batch));
  }

  /**
   * Takes what was read back as what became of the rows and, with the last page, of each id.
   *
   * @throws ImbalanceException where rows that ClickHouse acknowledged are in no table, or more are
   *     there than were sent
   */
  public void stored(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @Body List<Map<String, Object>> tables)
      throws ImbalanceException {
    batch.enter(null);
    int sent = exchange.getProperty(SENT, Integer.class);
    long own = exchange.getProperty(OWN, 0L, Long.class);
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
    // rows of this page that were stored by an attempt which was killed before it could note them;
    // less than none
    // where rejected ones came again, which not every job looks for
    long unnoted = inserted + rejected - batch.storedSoFar() - sent;
    // of these, rows that the answer leaves out this time
    long leftOut = Math.max(0, unnoted - own);
    if (unnoted < -batch.rejectedSoFar() || leftOut > 0 && !batch.isResumed()) {
      throw new ImbalanceException(
          "batch "
              + batch
              + ": "
              + sent
              + " rows were sent and acknowledged after "
              + batch.storedSoFar()
              + " earlier ones, but the tables hold "
              + inserted
              + " of it and "
              + rejected
              + " rejected ones");
    }
    batch.count(leftOut, 0, 0, 0);
    long nowRejected = rejected - batch.rejectedSoFar();
    long nowInserted = sent + unnoted - nowRejected;
    batch.count(0, nowInserted, batch.fetched() - nowInserted - nowRejected, nowRejected);
    settle(jobs.get(batch.getJob()), batch, held, counted, reasons);
    pageDone(batch);
  }

  /**
   * Whether rows of earlier fetches are to go, because the batch replaces them on purpose, is
   * stored, and its SQL says how: what the source no longer has would stay otherwise.
   */
  public boolean replaces(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    return batch.isRedo()
        && !batch.isMore()
        && batch.getKind() != Batch.Kind.PROBE
        && sql.get(batch.getJob()).has("replaced")
        && !settled(batch).isEmpty();
  }

  /**
   * The SQL that removes what earlier batches brought of the ids of this one that were answered.
   */
  public String replacedQuery(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
    Map<String, Object> values = values(batch);
    values.put("ids", settled(batch));
    return sql.get(batch.getJob()).section("replaced").sql(values);
  }

  private static List<String> settled(Batch batch) {
    return batch.outcomes().entrySet().stream()
        .filter(
            entry ->
                entry.getValue().state() == State.FOUND || entry.getValue().state() == State.ABSENT)
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  /**
   * With the last page, gives every id of the batch that has no outcome yet the one that its rows
   * show. One that was asked for on its own and has no rows is asked for once more before that
   * counts.
   *
   * @param counted whether the tables told how many rows each id has by now, whoever brought them
   */
  private static void settle(
      Job job,
      Batch batch,
      Map<String, long[]> held,
      boolean counted,
      Map<String, String> reasons) {
    if (batch.isMore()) {
      return;
    }
    Set<String> answered =
        job.isGather() && batch.getSize() > 1 ? batch.answered() : Set.copyOf(batch.getIds());
    Set<String> cuts = batch.cuts();
    for (String id : batch.getIds()) {
      if (cuts.contains(id)) {
        continue;
      }
      long[] sums = held.getOrDefault(id, new long[3]);
      long rows = counted ? sums[2] : sums[0] + batch.rowsThere(id);
      if (rows > 0) {
        batch.outcomes().put(id, Outcome.found(rows));
        batch.missing().remove(id);
      } else if (sums[1] > 0) {
        batch.outcomes().put(id, Outcome.rejected(sums[1], reasons.get(id)));
      } else if (batch.getSize() == 1 && batch.fetchedSoFar() > 0) {
        // an earlier run saw its pages, and that all their rows were there
        batch.outcomes().put(id, Outcome.found(batch.fetchedSoFar()));
      } else if (answered.contains(id) && !batch.missing().contains(id)) {
        if (job.isGather() && batch.getKind() != Batch.Kind.REASK) {
          batch.missing().add(id);
        } else {
          batch.outcomes().putIfAbsent(id, Outcome.of(State.ABSENT));
        }
      }
    }
  }
}
