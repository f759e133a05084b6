package polymarket.backfill.job;

import polymarket.backfill.ledger.BatchWork;

/**
 * The properties that a batch's exchange carries from route to route. Each comment says which code
 * sets it and which reads it. A test checks the route files against these names.
 */
public final class ExchangeProperties {

  // ---- one batch, from the ledger to the ledger

  /** The batch. Set by the route job (ask-each: for a part of it); read by every bean. */
  public static final String BATCH = BatchWork.PROPERTY;

  /** The rows that are being stored, a {@code Storing}. Set and read by the route store. */
  public static final String STORING = "storing";

  /** Failures since a page was kept or stored. Set and read by {@code Retry}; reset with a page. */
  public static final String FAILURES = "RetryFailures";

  /** Whether another attempt makes no sense. Set and read by {@code Retry}. */
  public static final String REFUSED = "RetryRefused";

  // ---- set by a route JOB-ask about an answer, read by rows.answered or rows.page

  /** The ids that the source knows. Set by JOB-ask; read by {@code Rows.answered}. */
  public static final String KNOWN = "known";

  /**
   * The next page's cursor, not set on the last page. Set by JOB-ask; read by {@code Rows.page}.
   */
  public static final String NEXT = "next";

  /** Whether the page before announced this one. Set by JOB-ask; read by {@code Rows.page}. */
  public static final String PROMISED = "promised";

  // ---- set by a route JOB-ask for its source

  /** How many calls the request counts as, 1 without it. Set by {@code Chain}; read by a turn. */
  public static final String CALLS = "calls";

  /** The body that replaces a 404. Set by JOB-ask; read by the route data-api-positions. */
  public static final String ABSENCE = "absence";

  /** Whether the answer is taken as bytes. Set by a source's route; read by the route http. */
  public static final String BYTES = "bytes";

  /**
   * Whether an answer says, whatever its status, that what was asked for will be there later. Set
   * by a source's route.
   */
  public static final String LATER = "later";

  /**
   * The pace of the server that is asked, where a source has several. Set by JOB-ask; read by a
   * turn.
   */
  public static final String NODE = "node";

  /** Whether a page is asked for ahead of the one that is being stored. Set by the bean ahead. */
  public static final String AHEAD = "ahead";

  /** What reads a list ahead. Set and read by the bean ahead. */
  public static final String READER = "aheadReader";

  /** Whether the next page was asked for ahead. Set by the bean ahead; read by ask-pages. */
  public static final String ARRIVED = "arrived";

  /** Marks a request that does not leave this process. Set and read by {@code Sources}. */
  public static final String WARM_UP = "SourceWarmUp";

  /** The source of the last request. Set by its turn; read by {@code Sources.good}. */
  public static final String SOURCE = "SourceName";

  /**
   * When the last request leaves, in epoch milliseconds. Set by its turn; read by {@code
   * Sources.good}.
   */
  public static final String ASKED = "SourceAsked";

  /** Whether the last request was answered well. Set by source.good; read by {@code Retry}. */
  public static final String ANSWERED = "SourceAnswered";

  // ---- passed between the steps of one route JOB-ask, not read elsewhere

  /** The start of the next page, as in the source's URL or answer. */
  public static final String CURSOR = "cursor";

  /** The start of the next page as a number of rows. */
  public static final String OFFSET = "offset";

  /** The part of a URL's query that differs from page to page. */
  public static final String QUERY = "query";

  /** A batch's window as parameters of a URL. */
  public static final String WINDOW = "window";

  /** The cursors of several lists. Set by the bean walk, which also reads it. */
  public static final String WALK = "walk";

  /** The token ids of the batch's conditions. Set by the bean tokens; read by it and by walk. */
  public static final String TOKENS = "tokens";

  /** Calls to a node, and what came of them. Set by the beans node and logs, which also read it. */
  public static final String SCAN = "scan";

  /** Calls that are made outside a run. Set by {@code NodeCalls}; read by JOB-calls. */
  public static final String GROUP = "group";

  /** The blocks that are asked for. Set by JOB-ask by the bean logs, which also reads it. */
  public static final String PAGE = "page";

  /** A number that a route JOB-mark is asked for. Set by {@code JobRun}; read by the bean logs. */
  public static final String NUMBER = "number";

  /** How far the source reaches. Set and read by a route JOB-reach. */
  public static final String REACH = "reach";

  private ExchangeProperties() {}
}
