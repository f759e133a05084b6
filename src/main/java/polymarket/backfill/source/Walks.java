package polymarket.backfill.source;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.camel.Body;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.Sha256;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.ledger.BatchWork;

/**
 * The bean {@code walk} of routes whose batches read several lists of the source: the batch's
 * cursor has the cursors of all lists, as JSON.
 */
public final class Walks {

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Lists in the order of their rows' ids, all requested in one request, each after its last id. A
   * list has ended when two successive answers show it: a short page and an empty one, or two empty
   * ones.
   */
  public static final class ById {

    private final Map<String, Map<String, Object>> lists;
    private final String filter;
    private String next;

    private ById(Map<String, Map<String, Object>> lists, String filter) {
      this.lists = lists;
      this.filter = filter;
    }

    private Map<String, Object> list(String name) {
      return lists.computeIfAbsent(name, key -> new LinkedHashMap<>(Map.of("after", "")));
    }

    /** The last stored id of a list; an empty text at its start. */
    public String after(String name) {
      return String.valueOf(list(name).get("after"));
    }

    /**
     * The JSON array that filters a list; an empty one if the list has ended, so that the source
     * has no work.
     */
    public String filter(String name) {
      return "end".equals(list(name).get("at")) ? "[]" : filter;
    }

    /** The cursor after the current answer; null if all lists have ended. */
    public String getNext() {
      return next;
    }
  }

  /**
   * Lists that are read one after the other, each with the cursors of its answers, newest rows
   * first. Each contains all rows of the lists before it.
   */
  public static final class ByCursor {

    private final Map<String, Object> state;
    private String next;

    private ByCursor(Map<String, Object> state) {
      this.state = state;
    }

    /** The list that is being read. */
    public String getList() {
      return String.valueOf(state.get("list"));
    }

    /**
     * The parameter with the source's cursor, to be appended to a URL; empty at the list's start.
     */
    public String getParameter() {
      Object cursor = state.get("cursor");
      return cursor == null
          ? ""
          : "&cursor=" + java.net.URLEncoder.encode(String.valueOf(cursor), StandardCharsets.UTF_8);
    }

    /** The cursor after the current answer; null at the end of the last list. */
    public String getNext() {
      return next;
    }

    /** Identifies the next page: its list, and the source's own cursor. */
    public String leadsTo() {
      return state.get("list") + " " + state.get("cursor");
    }

    /** Whether the answer before announced another page of this list. */
    public boolean isPromised() {
      return flag("promised");
    }

    private boolean flag(String key) {
      return Boolean.TRUE.equals(state.get(key));
    }
  }

  /**
   * The state of a batch's lists in the order of ids.
   *
   * @param tokens the filter of the lists; null without a filter
   */
  @SuppressWarnings("unchecked")
  public ById byId(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.TOKENS) ListFilter tokens)
      throws JsonProcessingException {
    return new ById(
        batch.getCursor() == null
            ? new LinkedHashMap<>()
            : JSON.readValue(batch.getCursor(), LinkedHashMap.class),
        tokens == null ? null : tokens.getJson());
  }

  /**
   * Takes an answer with lists in the order of ids, and updates their cursors.
   *
   * @param answer the rows by list
   * @param pageSizes how many rows a full page may have, separated by commas: the requested number,
   *     and the numbers at which a source may truncate
   * @return the rows of all lists
   * @throws SourceException if a list is not in the order of its ids, or does not start after the
   *     last one
   */
  public List<Map<String, Object>> rowsById(
      @ExchangeProperty(ExchangeProperties.WALK) ById walk,
      @Body Map<String, List<?>> answer,
      String pageSizes)
      throws SourceException, JsonProcessingException {
    List<String> sizes = List.of(pageSizes.split(","));
    List<Map<String, Object>> all = new ArrayList<>();
    boolean more = false;
    for (Map.Entry<String, List<?>> list : answer.entrySet()) {
      List<Map<String, Object>> rows = Elements.of(list.getValue());
      Map<String, Object> state = walk.list(list.getKey());
      String last = String.valueOf(state.get("after"));
      for (Map<String, Object> row : rows) {
        if (Elements.isNoRow(row)) {
          continue;
        }
        String id = String.valueOf(row.get("id"));
        if (id.compareTo(last) <= 0) {
          throw new SourceException(
              "answered with "
                  + id
                  + " behind "
                  + last
                  + ", though the list is in the order of its ids");
        }
        last = id;
      }
      state.put("after", last);
      boolean wasShort = state.containsKey("at");
      if (sizes.contains(String.valueOf(rows.size()))) {
        state.remove("at");
      } else {
        state.put("at", wasShort && rows.isEmpty() ? "end" : "short");
      }
      more |= !"end".equals(state.get("at"));
      all.addAll(rows);
    }
    walk.next = more ? JSON.writeValueAsString(walk.lists) : null;
    return all;
  }

  /**
   * The state of a batch's lists with cursors.
   *
   * @param lists their names in order, separated by commas
   */
  @SuppressWarnings("unchecked")
  public ByCursor byCursor(@ExchangeProperty(BatchWork.PROPERTY) BatchWork batch, String lists)
      throws JsonProcessingException {
    return new ByCursor(
        batch.getCursor() == null
            ? new LinkedHashMap<>(Map.of("list", lists.split(",")[0].strip()))
            : JSON.readValue(batch.getCursor(), LinkedHashMap.class));
  }

  /**
   * Adds the field {@code id} to rows without an id: a prefix, and a hash of the fields that
   * distinguish them. Rows with the same values in all of these are numbered; rows of one time are
   * adjacent, possibly on several pages.
   *
   * @param rows the rows of an answer, newest first; null for none
   * @param time the field with the time
   * @param prefix the field whose value is the prefix of the id
   * @param fields the fields that distinguish rows with this prefix, separated by commas
   * @return the rows, none for null
   */
  @SuppressWarnings("unchecked")
  public List<Map<String, Object>> named(
      @ExchangeProperty(ExchangeProperties.WALK) ByCursor walk,
      @Body List<?> rows,
      String time,
      String prefix,
      String fields) {
    List<Map<String, Object>> all = Elements.of(rows);
    Map<String, Object> counts =
        (Map<String, Object>) walk.state.computeIfAbsent("alike", key -> new LinkedHashMap<>());
    for (Map<String, Object> row : all) {
      if (Elements.isNoRow(row)) {
        continue;
      }
      Object at = row.get(time);
      if (!String.valueOf(at).equals(String.valueOf(counts.get("at")))) {
        counts.clear();
        counts.put("at", at);
      }
      StringBuilder key = new StringBuilder();
      for (String field : fields.split(",")) {
        Object value = row.get(field.strip());
        key.append(
                value instanceof BigDecimal number
                    ? number.stripTrailingZeros().toPlainString()
                    : value)
            .append('/');
      }
      String alike = row.get(prefix) + "_" + hash(key.toString());
      int number =
          ((Number) counts.merge(alike, 1, (a, b) -> ((Number) a).intValue() + 1)).intValue();
      row.put("id", number == 1 ? alike : row.get(prefix) + "_" + hash(key.toString() + number));
    }
    return all;
  }

  /** A hash of a text, 32 hex digits. */
  public static String hash(String text) {
    return Sha256.hex(text, 32);
  }

  /**
   * Takes an answer of a list with cursors: checks that it does not contradict earlier ones, adds
   * the field {@code list} to every row, leaves out rows outside the batch's window, and updates
   * the cursors. Rows newer than the first row of the first list are left out too: they did not
   * exist when the first list was read.
   *
   * @param rows the rows of the answer; null for none
   * @param cursor the cursor of the next page; null or empty on the last page
   * @param lists the names of all lists in order, separated by commas
   * @param time the field with the time in seconds
   * @throws SourceException if the answer contradicts an earlier one
   */
  public List<Map<String, Object>> rowsByCursor(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @ExchangeProperty(ExchangeProperties.WALK) ByCursor walk,
      @Body List<Map<String, Object>> rows,
      String cursor,
      String lists,
      String time)
      throws SourceException, JsonProcessingException {
    List<Map<String, Object>> all = rows == null ? List.of() : rows;
    if (!all.isEmpty()) {
      batch.pages().sentRows();
    }
    boolean first = walk.getList().equals(lists.split(",")[0].strip());
    if (!first && !walk.state.containsKey("cursor") && all.isEmpty() != walk.flag("none")) {
      if (walk.flag("none")) {
        batch.restart();
      }
      throw new SourceException(
          "answered with "
              + (all.isEmpty() ? "no rows" : "rows")
              + " of a list that holds another, which had "
              + (all.isEmpty() ? "some" : "none"));
    }
    if (first && !walk.state.containsKey("cursor")) {
      walk.state.put("none", all.isEmpty());
      all.stream()
          .map(row -> seconds(row, time))
          .filter(Objects::nonNull)
          .max(Long::compare)
          .ifPresent(newest -> walk.state.put("newest", newest));
    }
    Object newest = walk.state.get("newest");
    long until =
        Math.min(batch.getUntil(), newest == null ? Long.MAX_VALUE : ((Number) newest).longValue());
    List<Map<String, Object>> kept = new ArrayList<>();
    boolean older = false;
    for (Map<String, Object> row : all) {
      Long at = seconds(row, time);
      older = at != null && at < batch.getSince();
      if (at == null || !older && at <= until) {
        row.put("list", walk.getList());
        kept.add(row);
      }
    }
    boolean more = cursor != null && !cursor.isEmpty() && !older;
    walk.state.put("promised", more);
    if (more) {
      walk.state.put("cursor", cursor);
    } else {
      walk.state.remove("cursor");
      walk.state.remove("alike");
      walk.state.put("list", after(walk.getList(), lists));
    }
    walk.next = walk.state.get("list") == null ? null : JSON.writeValueAsString(walk.state);
    return kept;
  }

  /**
   * Null where it is no number, or a time that cannot be: it says nothing about where the row
   * stands in its list, and the row is taken.
   */
  private static Long seconds(Map<String, Object> row, String time) {
    return row.get(time) instanceof Number number && BlockTime.isPossible(number.longValue())
        ? Long.valueOf(number.longValue())
        : null;
  }

  private static String after(String list, String lists) {
    String[] names = lists.split(",");
    for (int i = 0; i + 1 < names.length; i++) {
      if (names[i].strip().equals(list)) {
        return names[i + 1].strip();
      }
    }
    return null;
  }
}
