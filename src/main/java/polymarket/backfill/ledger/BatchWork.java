package polymarket.backfill.ledger;

import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import polymarket.backfill.ledger.StepTimes.Step;

/**
 * A batch while this process works on it: the place in its pages, its rows, its failures and the
 * outcome of each id. It is the body of the exchange that goes from the ledger to the ledger, and
 * is in its property {@value #PROPERTY}.
 */
public final class BatchWork {

  /** The exchange property that holds the batch. */
  public static final String PROPERTY = "batch";

  /** Rows of one id from which on they are stored page by page. */
  private static final int KEPT_ROWS = 2_000;

  private final Batch batch;
  private final BatchWork parent;
  private final Pages pages;
  private final RowCounts rows;
  private final KeptRows kept = new KeptRows();
  private final Failures failures = new Failures();
  private final StepTimes times = new StepTimes();
  private final Map<String, Outcome> outcomes = new HashMap<>();
  private final List<String> missing = new ArrayList<>();

  /** The parts that it is asked for in, by their ids; empty where it is not. */
  private Map<String, BatchWork> parts = Map.of();

  private volatile boolean check;

  /** The token of the rows that ClickHouse acknowledged last, of an insert that may be grouped. */
  private volatile String acknowledged;

  private int requests;
  private int answers;
  private volatile boolean idle;

  public BatchWork(Batch batch) {
    this(batch, null, batch.check());
  }

  private BatchWork(Batch batch, BatchWork parent, boolean check) {
    this.batch = batch;
    this.parent = parent;
    this.check = check;
    this.pages = new Pages(batch.saved().cursor());
    this.rows = new RowCounts(batch.saved());
  }

  /** Ids to ask for without a ledger. */
  public static BatchWork preview(String job, List<String> ids, Batch.Kind kind) {
    return new BatchWork(Batch.preview(job, ids, kind));
  }

  /** What the ledger stores of it. */
  public Batch batch() {
    return batch;
  }

  /** The name of its job, for routes. */
  public String getJob() {
    return batch.job();
  }

  /** The job's name as its tables' names begin: dashes are underscores. */
  public String getTable() {
    return batch.job().replace('-', '_');
  }

  /** Names the batch in ClickHouse and in the idempotent consumer: job, ledger, number. */
  public String getKey() {
    return batch.key().toString();
  }

  /** Why the batch was made. */
  public Batch.Kind getKind() {
    return batch.kind();
  }

  /** The ids in their stored form, in order, none twice. */
  public List<String> getIds() {
    return batch.ids();
  }

  /** How many ids it has. */
  public int getSize() {
    return batch.size();
  }

  /**
   * The ids as a JSON array of strings.
   *
   * @param prefix stands before each, such as 0x
   */
  public String json(String prefix) {
    return batch.ids().stream()
        .map(id -> "\"" + prefix + id + "\"")
        .collect(Collectors.joining(",", "[", "]"));
  }

  /**
   * The ids with commas between them, for a URL.
   *
   * @param prefix stands before each, such as 0x
   */
  public String joined(String prefix) {
    return batch.ids().stream().map(id -> prefix + id).collect(Collectors.joining(","));
  }

  /** The earliest time that rows are asked for, in seconds since 1970; 0 without a window. */
  public long getSince() {
    return batch.window().since();
  }

  /**
   * The latest time that rows are asked for, in seconds since 1970; far in the future without a
   * window.
   */
  public long getUntil() {
    return batch.window().until();
  }

  /** Where the next page begins; null at the beginning. */
  public String getCursor() {
    return pages.cursor();
  }

  /** Whether there are more pages; true before the first. */
  public boolean isMore() {
    return pages.more();
  }

  /** Whether the table may hold some of its rows already, so that it is asked first. */
  public boolean isCheck() {
    return check;
  }

  /** How its ids are asked for where they go back to the ledger or into further batches. */
  Mode mode() {
    return batch.redo() ? Mode.REDO : check ? Mode.AGAIN : Mode.NEW;
  }

  /** The place in the pages of its answer. */
  public Pages pages() {
    return pages;
  }

  /** The same batch at the same place, to ask for the page there before this one comes to it. */
  public BatchWork ahead() {
    BatchWork ahead = new BatchWork(batch, null, check);
    ahead.pages.follow(pages);
    return ahead;
  }

  /** Goes on to the page that was asked for ahead. */
  public synchronized void goTo(BatchWork ahead) {
    pages.follow(ahead.pages);
    requests += ahead.requests();
    answers += ahead.answers();
  }

  /** Its rows, counted. */
  public RowCounts rows() {
    return rows;
  }

  /** Its rows that are held until they are inserted together. */
  public KeptRows kept() {
    return kept;
  }

  /** The failed attempts so far. */
  public Failures failures() {
    return failures;
  }

  /** The outcome of each id; ids without one are not marked. */
  public Map<String, Outcome> outcomes() {
    return outcomes;
  }

  /** The ids that the answer left out. */
  public List<String> missing() {
    return missing;
  }

  /**
   * Its ids in parts, for sources that take fewer ids in a request; this batch gathers what they
   * bring.
   *
   * @param size ids a part, the last one has what is left
   */
  public synchronized List<BatchWork> parts(int size) {
    parts = new LinkedHashMap<>();
    for (int from = 0; from < getSize(); from += size) {
      List<String> ids = batch.ids().subList(from, Math.min(getSize(), from + size));
      BatchWork part = new BatchWork(batch.only(ids), this, check);
      ids.forEach(id -> parts.put(id, part));
    }
    return begunParts();
  }

  private synchronized List<BatchWork> begunParts() {
    return parts.values().stream().distinct().toList();
  }

  /**
   * Ids of it in the parts that they were asked for in; each on its own, if they were asked for
   * with one request.
   *
   * @param some of its ids
   */
  synchronized Collection<List<String>> partsOf(Collection<String> some) {
    Map<Object, List<String>> together = new LinkedHashMap<>();
    for (String id : batch.ids()) {
      if (some.contains(id)) {
        Object part = parts.isEmpty() ? id : parts.get(id);
        together.computeIfAbsent(part, key -> new ArrayList<>()).add(id);
      }
    }
    return together.values();
  }

  /** Whether it is a part of a batch that is asked for with several requests. */
  public boolean isPart() {
    return parent != null;
  }

  /**
   * Keeps a page's rows. A part hands them over with the last page, and what it knows of ids
   * without rows; one with so many rows that they are better stored page by page is left
   * unanswered, and so gets a batch of its own.
   */
  public void keep(List<Map<String, Object>> page) {
    kept.add(page);
    if (parent == null) {
      return;
    }
    if (!pages.more()) {
      parent.takeOver(this);
    } else if (kept.size() > KEPT_ROWS) {
      kept.drop();
      pages.end();
    }
  }

  private synchronized void takeOver(BatchWork part) {
    if (kept.gather(part.getIds(), part.kept.all())) {
      outcomes.putAll(part.outcomes);
      missing.addAll(part.missing);
    }
  }

  /**
   * Whether a further page is to be kept before the rows are stored: twice as many pages as the
   * last time, so that a long list is stored in inserts of many rows.
   *
   * @param most from how many rows on no further page is kept
   * @param atLeast so many pages are kept together at least
   */
  public boolean keepsOn(int most, int atLeast) {
    return pages.more() && kept.hasRoom(most, atLeast);
  }

  /** Notes that ClickHouse has acknowledged rows, by their deduplication token. */
  public void acknowledged(String token) {
    acknowledged = token;
  }

  /** Whether these rows were acknowledged, so that a step after the insert failed. */
  public boolean isAcknowledged(String token) {
    return token.equals(acknowledged);
  }

  /** The table is asked for rows before any more are stored: another job may store some too. */
  public void look() {
    check = true;
  }

  /**
   * Begins at the first page again, because the source does not take the cursor any more; stored
   * rows are looked for.
   */
  public void restart() {
    check = true;
    pages.restart();
    kept.restart();
  }

  /** The page's rows, requests and cursor are in the ledger. */
  synchronized void pageDone() {
    pages.stored();
    rows.pageDone();
    requests = 0;
    answers = 0;
  }

  /** Forgets what came of it, because it is asked for once more. */
  public void forgetAnswer() {
    pages.backToStored();
    outcomes.clear();
    missing.clear();
    rows.reset();
    kept.forget();
    synchronized (this) {
      parts = Map.of();
      answers = 0;
    }
  }

  /** How often an id could not be fetched since the batch was taken up. */
  synchronized int failures(String id) {
    return parts.getOrDefault(id, this).failures.count();
  }

  /** Begins a part of this batch, of which the source has said the same as of all of it. */
  public synchronized BatchWork part(Batch part) {
    BatchWork work = new BatchWork(part);
    work.failures.inherit(parts.getOrDefault(part.ids().get(0), this).failures);
    return work;
  }

  /** Counts a request, for a part too. */
  public void countRequest() {
    addRequests(1);
  }

  /** Takes a counted request back that was not sent. */
  public void uncountRequest() {
    addRequests(-1);
  }

  private void addRequests(int more) {
    if (parent != null) {
      parent.addRequests(more);
      return;
    }
    synchronized (this) {
      requests += more;
    }
  }

  /** The requests made for it so far. */
  public synchronized int requests() {
    return requests;
  }

  /** Counts a complete answer whose rows are taken, for a part too. */
  public void countAnswer() {
    if (parent != null) {
      parent.countAnswer();
      return;
    }
    synchronized (this) {
      answers++;
    }
  }

  /** The answers that were needed since the last page that is in the ledger. */
  public synchronized int answers() {
    return answers;
  }

  /** It is handed out now. */
  public void takenUp() {
    idle = false;
    times.restart();
  }

  /** It is not worked on any more, for now or for good. */
  public void putDown() {
    idle = true;
  }

  /** Whether nobody works on it. */
  public boolean isIdle() {
    return idle;
  }

  /** Nanoseconds since it was handed out. */
  public long ageNanos() {
    return times.ageNanos();
  }

  /** It goes into a step now, and out of the one that it was in; null for what lies between. */
  public void enter(Step next) {
    enter(next, System.nanoTime());
  }

  /** The same at an instant of {@link System#nanoTime}, which may be to come. */
  public void enter(Step next, long at) {
    times.enter(next, at);
  }

  /** The step that it is in; null between them. */
  public Step step() {
    return times.step();
  }

  /** The thread that took it into its last step, or out of it; null before the first. */
  public Thread worker() {
    return times.worker();
  }

  /**
   * When it last went into a step or out of one, itself or one of its parts, by {@link
   * System#nanoTime}; to come, where it waits for a turn.
   */
  public long movedAt() {
    long moved = times.moved();
    for (BatchWork part : begunParts()) {
      moved = Math.max(moved, part.movedAt());
    }
    return moved;
  }

  /**
   * The nanoseconds that it spent in each step; those of its parts, which go on at once, add up.
   */
  public Map<Step, Long> spent() {
    Map<Step, Long> all = new EnumMap<>(Step.class);
    all.putAll(times.spent());
    for (BatchWork part : begunParts()) {
      part.spent().forEach((step, spent) -> all.merge(step, spent, Long::sum));
    }
    return all;
  }

  @Override
  public String toString() {
    return batch.toString();
  }
}
