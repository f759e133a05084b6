package polymarket.backfill.source;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.zip.Adler32;
import java.util.zip.CRC32;

/**
 * A page of an answer on its way into the tables as the bytes that came. It was gone over once and
 * counted, not parsed.
 */
public final class RawRows {

  private final String landing;
  private final byte[] bytes;
  private final long rows;
  private final Map<String, Object> values;

  private String token;

  /** Tells its inserts after it was removed from those before; empty where it was not. */
  private String anew = "";

  /**
   * @param landing the table that they are inserted into, with its database
   * @param bytes JSON objects with blanks or line ends between them; none where there is nothing
   * @param rows how many rows they stand for, as they were counted before they are inserted
   * @param values what the job's SQL has to know of the page, by the names of its placeholders
   */
  public RawRows(String landing, byte[] bytes, long rows, Map<String, Object> values) {
    this.landing = landing;
    this.bytes = bytes;
    this.rows = rows;
    this.values = new HashMap<>(values);
    this.values.put("counted", rows);
  }

  public String getLanding() {
    return landing;
  }

  public byte[] getBytes() {
    return bytes;
  }

  public long getRows() {
    return rows;
  }

  /** Tells these bytes from others. */
  public String digest() {
    CRC32 one = new CRC32();
    one.update(bytes);
    Adler32 other = new Adler32();
    other.update(bytes);
    return bytes.length + "-" + one.getValue() + "-" + other.getValue();
  }

  public Map<String, Object> values() {
    return values;
  }

  /**
   * Notes that it is inserted now: from then on, some of it may be stored.
   *
   * @param name the deduplication token, where it has none yet
   */
  public void insert(String name) {
    if (token == null) {
      token = name + anew;
    }
  }

  /** Notes that its stored rows are removed: the next insert of the same bytes is another one. */
  public void removed() {
    token = null;
    anew = ":" + UUID.randomUUID();
  }

  /** Its insert's deduplication token; null where it was not inserted yet. */
  public String getToken() {
    return token;
  }
}
