// Excerpts of search results: words, without equations, code and what cells print
if (typeof Search !== 'undefined') {
  const asText = Search.htmlToText
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, 'text/html')
    page.querySelectorAll('h1, .math, .highlight, .sig, .cell').forEach(part => part.remove())
    return asText(page.documentElement.outerHTML, anchor)
  }
}
