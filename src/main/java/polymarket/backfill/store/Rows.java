package polymarket.backfill.store;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.Checksum64;
import polymarket.backfill.Stop;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.RowNames;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.ImbalanceException;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;
import polymarket.backfill.source.Elements;
import polymarket.backfill.source.RawRows;
import polymarket.backfill.source.RefusalException;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Walks;

/**
 * The bean {@code rows} of the job routes: checks whether an answer is complete, and tracks its
 * rows until they are read back from the table. It contains nothing about single jobs: the
 * differences are in a job's definition, route file and SQL file.
 */
public final class Rows {

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

  /** The number of rows from which the rows of several pages are stored. */
  private static final int ROWS_TOGETHER = 500;

  /** The number of successive empty pages after which a further cursor is an error. */
  private static final int EMPTY_PAGES = 50;

  private final Map<String, Job> jobs;
  private final Stop stop;
  private final Map<String, SqlFile> sql = new HashMap<>();

  private final Function<String, Ledger> ledgers;
  private final InsertGroups groups;
  private final StoringTurns turns = new StoringTurns();

  /** The pages that are stored unchanged and not read to their end, by their batches. */
  private final Map<String, RawRows> begun = new ConcurrentHashMap<>();

  /**
   * @param ledgers the ledger of a job; null where nothing is stored
   * @param groups the inserts, of which some may not be acknowledged yet
   */
  public Rows(
      Map<String, Job> jobs, Stop stop, Function<String, Ledger> ledgers, InsertGroups groups) {
    this.ledgers = ledgers;
    this.groups = groups;
    this.jobs = jobs;
    this.stop = stop;
    jobs.values().forEach(job -> sql.put(job.getName(), job.sql()));
  }

  /**
   * Compares an answer with the request. An id that the source knows but has no rows for is
   * unresolved. An id that is not in the answer is put into another batch that requests it once
   * more; if this batch is such a second request, the id is absent - unless the answer may have
   * been truncated, which its number of rows shows.
   *
   * @param known the elements of the answer, or only their ids, in the source's form; an element
   *     without an id becomes a rejected row
   * @param rows the elements that are rows
   * @return the rows, including rejected ones
   * @throws SourceException if the answer has an id that was not requested
   */
  public List<Map<String, Object>> answered(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.KNOWN) List<?> known,
      @Body List<Map<String, Object>> rows)
      throws SourceException {
    Job job = jobs.get(batch.getJob());
    Set<String> asked = new HashSet<>(batch.getIds());
    Set<String> seen = new HashSet<>();
    List<Map<String, Object>> all = new ArrayList<>();
    for (Object element : known) {
      Object value =
          element instanceof Map<?, ?> row ? RowNames.value(job.getIdField(), row) : element;
      String id = job.idKind().normalise(String.valueOf(value));
      if (id == null) {
        all.add(Elements.withoutId(job, element));
        continue;
      }
      if (!asked.contains(id)) {
        throw new SourceException(
            job.getSource()
                + " answered with "
                + job.idKind().label()
                + " "
                + value
                + ", which was not requested");
      }
      seen.add(id);
    }
    Set<String> withRows = new HashSet<>();
    for (Map<String, Object> row : rows) {
      String id = RowNames.id(job, batch, row);
      if (id != null) {
        withRows.add(id);
        all.add(row);
      }
    }
    batch.forgetAnswer();
    batch.countAnswer();
    batch.pages().end();
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
    return all;
  }

  /**
   * Checks that a page is a new one and records the next page's cursor, for jobs whose answers have
   * several pages. A page that is shorter than the job's page size may have been truncated: it is
   * requested until it has had the same number of rows three times. After the last page, ids
   * without rows are absent.
   *
   * @param next the next page's cursor; null if this page is the last
   * @param promised whether the page before announced another one: an empty page is then requested
   *     once more
   * @param walk the lists, if the cursor is that of several lists
   * @param answer the list; an element that is not a row becomes a rejected row
   * @return its rows
   * @throws SourceException if the cursor or the whole page repeats an earlier one, a row belongs
   *     to another id, or too many successive pages are empty
   */
  public List<Map<String, Object>> page(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.NEXT) String next,
      @ExchangeProperty(ExchangeProperties.PROMISED) Boolean promised,
      @ExchangeProperty(ExchangeProperties.WALK) Object walk,
      @Body List<?> answer)
      throws SourceException, JsonProcessingException {
    Job job = jobs.get(batch.getJob());
    List<Map<String, Object>> rows = Elements.keyed(job, batch, Elements.of(answer));
    for (Map<String, Object> row : rows) {
      if (!batch.getIds().contains(RowNames.id(job, batch, row))) {
        throw new SourceException(
            job.getSource()
                + " answered with a row of "
                + RowNames.value(job.getIdField(), row)
                + " where "
                + batch.getIds().get(0)
                + " was requested");
      }
    }
    if (Boolean.TRUE.equals(promised) && rows.isEmpty() && batch.pages().doubts()) {
      throw new SourceException(
          job.getSource()
              + " sent an empty page of "
              + batch.getIds().get(0)
              + ", though it had announced more rows");
    }
    String digest = rows.isEmpty() ? null : digest(rows);
    if (rows.size() < job.getPageSize() && !batch.pages().isConfirmed(rows.size())) {
      return rows;
    }
    String cursor = next == null || next.isEmpty() ? null : next;
    if (!rows.isEmpty()) {
      batch.pages().sentRows();
    } else if (cursor != null && batch.pages().addEmpty() > EMPTY_PAGES) {
      throw new SourceException(
          job.getSource()
              + " sent "
              + EMPTY_PAGES
              + " empty pages in a row of "
              + batch.getIds().get(0)
              + ", each with a next cursor");
    }
    String leads = walk instanceof Walks.ByCursor lists ? lists.leadsTo() : cursor;
    String again = batch.pages().add(digest, cursor, leads, job.getRepeatedPages());
    if (again != null) {
      throw new SourceException(
          job.getSource()
              + " sent a "
              + again
              + " of "
              + batch.getIds().get(0)
              + " that it had already sent");
    }
    batch.countAnswer();
    return rows;
  }

  /** A checksum of a page, by which one that is sent again is known. */
  private static String digest(List<Map<String, Object>> rows) throws JsonProcessingException {
    Checksum64 digest = new Checksum64();
    digest.add(JSON.writeValueAsString(rows).getBytes(StandardCharsets.UTF_8));
    return digest.hex();
  }

  /**
   * The list in a field of an answer; an empty one if the field is null.
   *
   * @throws SourceException if the answer has no such field, or the field is not a list
   */
  public List<Map<String, Object>> list(@Body Object answer, String field) throws SourceException {
    if (!(answer instanceof Map<?, ?> map)
        || !map.containsKey(field)
        || map.get(field) != null && !(map.get(field) instanceof List)) {
      throw new SourceException("the answer has no list of " + field);
    }
    return Elements.of((List<?>) map.get(field));
  }

  /**
   * Checks the rows of a list that names its rows, such as {@code closed=true&id=12&id=13}.
   *
   * @param name of the parameter and of the field
   * @throws RefusalException if there is a row that the list does not name
   */
  public void onlyListed(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body List<?> rows, String name)
      throws RefusalException {
    String prefix = "&" + name + "=";
    String list = batch.getIds().get(0) + "&";
    if (!list.contains(prefix)) {
      return;
    }
    for (Object element : rows) {
      if (element instanceof Map<?, ?> row
          && row.get(name) != null
          && !list.contains(prefix + row.get(name) + "&")) {
        throw new RefusalException(
            jobs.get(batch.getJob()).getSource()
                + " answered with "
                + name
                + " "
                + row.get(name)
                + ", which is not in the request: it does not filter by "
                + name);
      }
    }
  }

  /**
   * The offset of a page, for sources that page by offset: the cursor as a number, 0 at the start.
   */
  public long offset(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    String cursor = batch.getCursor();
    return cursor != null && cursor.matches("\\d{1,18}") ? Long.parseLong(cursor) : 0;
  }

  /** The cursor of the page after this one, for such sources. */
  public String nextOffset(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body List<?> rows) {
    return String.valueOf(offset(batch) + rows.size());
  }

  /**
   * Keeps a page's rows, until they are stored with those of further pages or, of a batch's part,
   * with those of the other ids.
   */
  public void keep(
      Exchange exchange,
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork part,
      @Body List<Map<String, Object>> rows) {
    part.keep(rows);
    if (part.isPart() || storesPagesTogether(part)) {
      exchange.removeProperty(ExchangeProperties.FAILURES);
    }
  }

  /**
   * Whether the batch has more ids than go into one request. Otherwise it is stored page by page.
   */
  public boolean asksParts(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return jobs.get(batch.getJob()).isAskedInParts(batch);
  }

  /** The parts of such a batch, each with as many ids as go into one request. */
  public List<BatchWork> parts(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return batch.parts(jobs.get(batch.getJob()).getIdsARequest());
  }

  private boolean storesPagesTogether(BatchWork batch) {
    return jobs.get(batch.getJob()).isPagesTogether();
  }

  /**
   * Whether the rows of another page are to be stored together with the kept ones: an insert of few
   * rows costs as much as one of many.
   */
  public boolean keepsOn(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    // whole lists are read ahead: their first page is stored while the next one is asked for
    boolean pass = jobs.get(batch.getJob()).isPass();
    return batch.keepsOn(
        stop.asked() ? 1 : ROWS_TOGETHER, storesPagesTogether(batch) && !pass ? 2 : 1);
  }

  /** The kept rows of several pages. */
  public List<Map<String, Object>> kept(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return batch.kept().take(storesPagesTogether(batch));
  }

  /**
   * The rows of all ids of a batch that were answered; the others get separate batches when this
   * one is done.
   */
  public List<Map<String, Object>> gathered(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    batch.pages().end();
    return batch.kept().gathered();
  }

  /** The SQL of a query of the job's file that a route runs for a batch before the request. */
  public String query(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, String query) {
    return sql.get(batch.getJob()).query(query).sql(Storing.values(batch));
  }

  /**
   * Starts to store the rows of an answer, for the route store. If pages repeat rows, it waits
   * while another batch stores one of the same rows, so that only one of two concurrent batches
   * finds a row missing.
   */
  public Storing storing(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body List<Map<String, Object>> rows)
      throws InterruptedException {
    groups.settle(batch);
    String job = batch.getJob();
    Storing storing = new Storing(jobs.get(job), sql.get(job), ledgers.apply(job), batch, rows);
    turns.await(batch, storing.keys());
    return storing;
  }

  /** Takes the rows that are already in the table. */
  public void looked(
      @ExchangeProperty(ExchangeProperties.STORING) Storing storing,
      @Body List<Map<String, Object>> found) {
    storing.looked(found);
  }

  /**
   * Takes the batch's rows in the tables.
   *
   * @throws ImbalanceException if acknowledged rows are in no table, or the tables have more rows
   *     than were sent
   */
  public void stored(
      @ExchangeProperty(ExchangeProperties.STORING) Storing storing,
      @Body List<Map<String, Object>> tables)
      throws ImbalanceException {
    storing.stored(tables);
    turns.end(storing.batch());
  }

  /** Records that the tables have no rows of the batch: every row was already there. */
  public void nothingStored(@ExchangeProperty(ExchangeProperties.STORING) Storing storing) {
    storing.nothingStored();
    turns.end(storing.batch());
  }

  // ---- answers that are stored unchanged

  /** Whether the batch's answers are stored as the bytes that came. */
  public boolean isAsCame(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch) {
    return jobs.get(batch.getJob()).isAsCame();
  }

  /** Begins to store a page as it came: what the route store-as-came works through. */
  public RawStoring storingAsCame(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, @Body RawRows page) {
    RawRows before = begun.put(batch.getKey(), page);
    return new RawStoring(
        sql.get(batch.getJob()), ledgers.apply(batch.getJob()), batch, page, before);
  }

  /** Whether a count that was asked for is more than nothing. */
  public boolean any(@Body List<Map<String, Object>> counted) {
    return ((Number) counted.get(0).get("rows")).longValue() > 0;
  }

  /**
   * Takes what the tables hold of a page that was stored as it came.
   *
   * @throws ImbalanceException where it is not what was counted before the insert
   */
  public void storedAsCame(
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing,
      @Body List<Map<String, Object>> counted)
      throws ImbalanceException {
    storing.stored(counted);
  }

  /**
   * Whether rows of other batches for the batch's ids are removed now. One batch of a job at a time
   * does this: two that replace parts of the same earlier page would leave rests that overlap.
   */
  public boolean isReplacing(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing)
      throws InterruptedException {
    if (storing.isReplacing()) {
      turns.await(batch, Set.of("replacing"));
      return true;
    }
    return false;
  }

  /** Takes how many rows each id of a batch has that was stored as it came. */
  public void held(
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing,
      @Body List<Map<String, Object>> counted) {
    storing.held(counted);
  }

  /** All of a page that was stored as it came is done. */
  public void settled(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.STORING) RawStoring storing) {
    turns.end(batch);
    storing.settle();
    begun.remove(batch.getKey());
  }
}
